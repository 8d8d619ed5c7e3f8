import { performance } from "node:perf_hooks";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import type Docker from "dockerode";
import { createConnection } from "mysql2/promise";
import { pack } from "tar-stream";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { verifierOf } from "#activities/database/password";
import { IMAGE_LABEL, NODE_CAPABILITIES } from "#activities/image/node-image";
import { DATABASE_NAME, NODE_ENV, NODE_EXIT, PROTOCOL_VERSION, WORKER_ACCOUNT } from "#model/node-protocol";
import { docker } from "#test/support/docker-harness";
import { requireNodeImage } from "#test/support/node-image";

const PASSWORD = "only the worker knows";
/** The far end of the benchmarking range; runs are given theirs from the near one. */
const SUBNET = "198.19.255.240/28";
const ANSWERS_WITHIN = { timeout: 15_000, interval: 20 };

let image: string;
let network: Docker.Network;
const containers: Docker.Container[] = [];

beforeAll(async () => {
  image = (await requireNodeImage()).tag;
  network = await docker.createNetwork({
    Name: `meshbench-image-test-${process.pid}`,
    Driver: "bridge",
    IPAM: { Driver: "default", Config: [{ Subnet: SUBNET }] },
  });
}, 300_000);

afterEach(() => Promise.all(containers.splice(0).map((container) => container.remove({ force: true, v: true }))));
afterAll(() => network.remove());

interface NodeOptions {
  readonly env?: Readonly<Record<string, string | number>>;
  readonly ramDisk?: boolean;
  /** Stands in for the node program. */
  readonly program?: string;
}

async function startNode({ env = {}, ramDisk = true, program }: NodeOptions = {}): Promise<Docker.Container> {
  const variables = {
    [NODE_ENV.runId]: "image-20261123-000000-abcdef-p1-r1-a1",
    [NODE_ENV.nodeIndex]: 1,
    [NODE_ENV.deadlineSec]: 120,
    [NODE_ENV.workerVerifier]: verifierOf(PASSWORD),
    [NODE_ENV.bufferPoolMib]: 16,
    [NODE_ENV.redoLogMib]: 8,
    [NODE_ENV.heapTableMib]: 32,
    ...env,
  };
  const container = await docker.createContainer({
    Image: image,
    Env: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    HostConfig: {
      NetworkMode: network.id,
      CapDrop: ["ALL"],
      CapAdd: [...NODE_CAPABILITIES],
      SecurityOpt: ["no-new-privileges:true"],
      ReadonlyRootfs: program === undefined,
      ...(ramDisk && { Tmpfs: { "/ram": "size=128m" } }),
      Memory: 256 * 1024 * 1024,
    },
  });
  containers.push(container);
  if (program !== undefined) await replaceProgram(container, program);
  await container.start();
  return container;
}

async function replaceProgram(container: Docker.Container, program: string): Promise<void> {
  const archive = pack();
  archive.entry({ name: "node.mjs", mode: 0o644 }, program);
  archive.finalize();
  await container.putArchive(archive.pipe(new PassThrough()), { path: "/usr/local/lib/meshbench" });
}

async function logIn(container: Docker.Container, user: string, password: string) {
  const { NetworkSettings } = await container.inspect();
  const [endpoint] = Object.values(NetworkSettings.Networks);
  return createConnection({ host: endpoint?.IPAddress ?? "", user, password, database: DATABASE_NAME });
}

async function untilAnswers(container: Docker.Container): Promise<void> {
  await expect
    .poll(async () => (await logIn(container, WORKER_ACCOUNT, PASSWORD)).end().then(() => true), ANSWERS_WITHIN)
    .toBe(true);
}

async function exitCodeOf(container: Docker.Container): Promise<number> {
  const { StatusCode }: { StatusCode: number } = await container.wait();
  return StatusCode;
}

async function logsOf(container: Docker.Container): Promise<string> {
  return (await container.logs({ stdout: true, stderr: true })).toString("latin1");
}

/** Runs a command in the node, as a look from outside would. */
async function execute(container: Docker.Container, user: string, command: readonly string[]) {
  const exec = await container.exec({ User: user, Cmd: [...command], AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ Tty: true, hijack: true });
  const output = await text(stream);
  return { output: output.trim(), exitCode: (await exec.inspect()).ExitCode };
}

describe("building", () => {
  test("leaves an unchanged image alone and says what is in it", async () => {
    const again = await requireNodeImage();
    expect(again).toMatchObject({ tag: image, built: false });
    const { Id, Config } = await docker.getImage(image).inspect();
    expect(again.digest).toBe(Id);
    expect(Config.Labels).toMatchObject({
      [IMAGE_LABEL.protocol]: String(PROTOCOL_VERSION),
      [IMAGE_LABEL.database]: expect.stringMatching(/^mariadb \d+\.\d+\.\d+$/),
      [IMAGE_LABEL.node]: expect.stringMatching(/^24\./),
    });
  });
});

describe("the database", () => {
  test("answers to the worker's password and to nobody else", async () => {
    const node = await startNode();
    await untilAnswers(node);
    for (const [user, password] of [
      [WORKER_ACCOUNT, "guessed"],
      [WORKER_ACCOUNT, ""],
      ["root", ""],
      ["node", ""],
      ["mysql", ""],
      ["", ""],
    ] as const) {
      await expect(logIn(node, user, password)).rejects.toMatchObject({
        code: expect.stringMatching(/^ER_ACCESS_DENIED/),
        message: expect.stringContaining(`'${user}'`),
      });
    }
    expect(await execute(node, "root", ["mariadb", "-BNe", "SELECT CURRENT_USER()"])).toMatchObject({
      output: "root@localhost",
    });
    expect(await execute(node, "node", ["mariadb", "-BNe", "SELECT CURRENT_USER()"])).toMatchObject({
      output: "node@localhost",
    });
    expect((await execute(node, "nobody", ["mariadb", "-uroot"])).exitCode).not.toBe(0);
  });

  test("is sized by the environment variables and lets the worker make tables and the peers' account", async () => {
    const node = await startNode();
    await untilAnswers(node);
    const worker = await logIn(node, WORKER_ACCOUNT, PASSWORD);
    const [[sizes]] = (await worker.query(
      `SELECT @@innodb_buffer_pool_size / 1048576 AS pool, @@innodb_log_file_size / 1048576 AS redoLog,
        @@max_heap_table_size / 1048576 AS heap, @@skip_name_resolve AS skipsLookups`,
    )) as unknown as [[Record<string, unknown>]];
    expect(sizes).toEqual({ pool: "16.0000", redoLog: "8.0000", heap: "32.0000", skipsLookups: 1 });
    await worker.query("CREATE TABLE tuple (a INT) ENGINE=MEMORY");
    await worker.query("CREATE USER peer@'%' IDENTIFIED BY 'x'");
    await worker.query("GRANT INSERT ON meshbench.tuple TO peer@'%'");
    await worker.end();
    const peer = await logIn(node, "peer", "x");
    await peer.query("INSERT INTO tuple VALUES (1)");
    await expect(peer.query("SELECT * FROM run")).rejects.toMatchObject({ code: "ER_TABLEACCESS_DENIED_ERROR" });
    await peer.end();
  });

  test("looks clients up where that is asked for", async () => {
    const node = await startNode({ env: { [NODE_ENV.reverseLookups]: 1 } });
    await untilAnswers(node);
    const { output } = await execute(node, "root", ["mariadb", "-BNe", "SELECT @@skip_name_resolve"]);
    expect(output).toBe("0");
  });
});

describe("PID 1", () => {
  test("ends the node at its deadline", async () => {
    const node = await startNode({ env: { [NODE_ENV.deadlineSec]: 1 } });
    expect(await exitCodeOf(node)).toBe(NODE_EXIT.deadline);
    expect(await logsOf(node)).toMatch(/deadline: 1 s/);
  });

  test.for(["SIGTERM", "SIGINT"])("ends within two seconds of %s", async (signal) => {
    const node = await startNode();
    await untilAnswers(node);
    const startedAt = performance.now();
    const ended = exitCodeOf(node);
    await node.kill({ signal });
    expect(await ended).toBe(NODE_EXIT.terminated);
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  test("ends when the database is killed", async () => {
    const node = await startNode();
    await untilAnswers(node);
    const ended = exitCodeOf(node);
    await execute(node, "mysql", ["bash", "-c", "kill -9 $(</ram/mysqld.pid)"]);
    expect(await ended).toBe(NODE_EXIT.databaseDied);
    expect(await logsOf(node)).toMatch(/database died \(status 137\)/);
  });

  test("ends when the node program fails, and stays up for collection when it is through", async () => {
    const failing = await startNode({ program: "process.exit(3)" });
    expect(await exitCodeOf(failing)).toBe(NODE_EXIT.programDied);
    const through = await startNode({ program: "process.exit(0)" });
    await untilAnswers(through);
    const top: { Processes: string[][] } = await through.top();
    expect(top.Processes.flat().join(" ")).not.toContain("node.mjs");
    expect((await through.inspect()).State.Running).toBe(true);
  });

  test("reaps what others leave behind", async () => {
    const node = await startNode();
    const { output: orphan } = await execute(node, "node", ["bash", "-c", "sleep 0.2 >/dev/null & echo $!"]);
    expect(orphan).toMatch(/^\d+$/);
    await expect
      .poll(async () => (await execute(node, "node", ["test", "-e", `/proc/${orphan}`])).exitCode, ANSWERS_WITHIN)
      .toBe(1);
  });

  test.for<[string, NodeOptions, RegExp]>([
    ["a disk for a RAM disk", { ramDisk: false }, /\/ram is no tmpfs/],
    ["a verifier with SQL in it", { env: { [NODE_ENV.workerVerifier]: "*'; DROP" } }, /MESHBENCH_WORKER_VERIFIER/],
    ["no deadline", { env: { [NODE_ENV.deadlineSec]: "" } }, /MESHBENCH_DEADLINE_SEC/],
  ])("refuses %s with one line", async ([, options, message]) => {
    const node = await startNode(options);
    expect(await exitCodeOf(node)).toBe(64);
    const lines = (await logsOf(node)).trimEnd().split("\n");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(message);
  });

  test("says it when the RAM disk is too small for the run", async () => {
    const node = await startNode({ env: { [NODE_ENV.redoLogMib]: 200 } });
    expect(await exitCodeOf(node)).toBe(NODE_EXIT.databaseDied);
    expect(await logsOf(node)).toMatch(/no room for the redo log in \/ram/);
  });
});
