#!/usr/bin/env node
/** How long N = 15 nodes take until every database answers, beside plain `docker run -d` of the same image, in turn. */

import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import Docker from "dockerode";
import { createConnection } from "mysql2/promise";
import { runOnce } from "#bench/support/meshbench";
import { note, runBench } from "#bench/support/program";
import { verifierOf } from "#activities/database/password";
import { nodeImageTag } from "#activities/image/node-image";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { DATABASE_NAME, NODE_ENV, WORKER_ACCOUNT } from "#model/node-protocol";
import { sizeDatabase } from "#model/sizing";
import { median } from "#model/statistics";

const execute = promisify(execFile);
const engine = new Docker(resolveDockerEndpoint().options);

const SHARE_LIMIT = 1.5;
const TEARDOWN_LIMIT_SEC = 5;
const ANSWER_LIMIT_SEC = 0.15;

const LOAD = { rate: 6_000, duration: "1s", warmup: "0s" };
const PASSWORD = "of-a-bench";
const POLL_MS = 10;
const NETWORK = `meshbench-bench-${process.pid}`;
const LABEL = `meshbench.bench=${process.pid}`;

/** Started by the command line, all at once, and removed again. */
class PlainContainers {
  readonly #image: string;
  readonly #environment: readonly string[];

  constructor(image: string, nodes: number) {
    const load = {
      nodes,
      ratePerMin: LOAD.rate,
      engine: "innodb",
      rowsPerDatabase: nodes * 100,
      warmupSec: 0,
    } as const;
    const { bufferPoolMib, redoLogMib, heapTableMib } = sizeDatabase(load);
    const variables = {
      [NODE_ENV.runId]: "bench",
      [NODE_ENV.nodeIndex]: 1,
      [NODE_ENV.deadlineSec]: 300,
      [NODE_ENV.workerVerifier]: verifierOf(PASSWORD),
      [NODE_ENV.bufferPoolMib]: bufferPoolMib,
      [NODE_ENV.redoLogMib]: redoLogMib,
      [NODE_ENV.heapTableMib]: heapTableMib,
    };
    this.#image = image;
    this.#environment = Object.entries(variables).flatMap(([name, value]) => ["--env", `${name}=${value}`]);
  }

  /** @returns Seconds until all databases answered. */
  async start(count: number): Promise<number> {
    const startedMs = performance.now();
    // To the end of each, also where one fails: what starts later would not be removed.
    const answers = await Promise.allSettled(Array.from({ length: count }, async () => untilAnswers(await this.run())));
    for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
    return (performance.now() - startedMs) / 1000;
  }

  /** @returns The container's id, as soon as the engine has started it. */
  run(): Promise<string> {
    return this.#docker("run", "--detach");
  }

  /** @returns The id of a container that is not started yet. */
  create(): Promise<string> {
    return this.#docker("create");
  }

  async #docker(...command: string[]): Promise<string> {
    const where = ["--label", LABEL, "--network", NETWORK, "--tmpfs", "/ram:size=256m"];
    const { stdout } = await execute("docker", [...command, ...where, ...this.#environment, this.#image]);
    return stdout.trim();
  }

  async remove(): Promise<void> {
    const { stdout } = await execute("docker", ["ps", "--all", "--quiet", "--filter", `label=${LABEL}`]);
    const ids = stdout.split("\n").filter(Boolean);
    if (ids.length > 0) await execute("docker", ["rm", "--force", "--volumes", ...ids]);
  }
}

/** @returns When, in milliseconds since 1970. */
async function untilAnswers(id: string): Promise<number> {
  const { NetworkSettings } = await engine.getContainer(id).inspect();
  const host = NetworkSettings.Networks[NETWORK]?.IPAddress as string;
  const account = { host, user: WORKER_ACCOUNT, password: PASSWORD, database: DATABASE_NAME };
  for (;;) {
    try {
      const connection = await createConnection(account);
      await connection.query("SELECT 1");
      connection.destroy();
      return Date.now();
    } catch (error) {
      const { State } = await engine.getContainer(id).inspect();
      if (!State.Running) throw new Error(`container ${id} ended before its database answered`, { cause: error });
      await delay(POLL_MS);
    }
  }
}

/** Seconds from the start of one container alone to its database's first answer. */
async function measureOne(containers: PlainContainers): Promise<number> {
  const container = engine.getContainer(await containers.create());
  await container.start();
  const answeredMs = await untilAnswers(container.id);
  return (answeredMs - Date.parse((await container.inspect()).State.StartedAt)) / 1000;
}

await runBench({
  name: "provisioning",
  description: "time until 15 databases answer, beside fifteen docker run -d at once",
  options: { rounds: [3, "rounds of ours and plain docker"], nodes: [15, "nodes"] },
  async measure({ rounds, nodes }) {
    const containers = new PlainContainers(await nodeImageTag(), nodes);
    const figures: { ours: number; teardown: number; plain: number; one: number }[] = [];
    await execute("docker", ["network", "create", "--label", LABEL, NETWORK]);
    try {
      for (let round = 1; round <= rounds; round++) {
        note(`round ${round} of ${rounds}`);
        const row = await runOnce({ ...LOAD, nodes });
        if (row.provision_s === null || row.teardown_s === null) throw new Error(`${row.run_id}: ${row.reason}`);
        const plain = await containers.start(nodes);
        await containers.remove();
        const one = await measureOne(containers);
        await containers.remove();
        figures.push({ ours: row.provision_s, teardown: row.teardown_s, plain, one });
      }
    } finally {
      await containers.remove();
      await execute("docker", ["network", "rm", NETWORK]);
    }
    const medianOf = (of: (round: (typeof figures)[number]) => number) => median(figures.map(of));
    const share = medianOf(({ ours, plain }) => ours / plain);
    return {
      tables: [
        {
          title: `N = ${nodes}, seconds, medians of ${rounds} rounds`,
          columns: ["", "s"],
          rows: [
            ["provision until all databases answer", medianOf(({ ours }) => ours)],
            ["docker run -d at once until they answer", medianOf(({ plain }) => plain)],
            ["teardown", medianOf(({ teardown }) => teardown)],
            ["one container alone, start to answer", medianOf(({ one }) => one)],
          ],
        },
      ],
      goals: [
        { what: "provision, share of plain docker", value: share, bound: "at most", limit: SHARE_LIMIT, unit: "" },
        {
          what: "teardown",
          value: medianOf(({ teardown }) => teardown),
          bound: "at most",
          limit: TEARDOWN_LIMIT_SEC,
          unit: " s",
        },
        {
          what: "one database answers after",
          value: medianOf(({ one }) => one),
          bound: "at most",
          limit: ANSWER_LIMIT_SEC,
          unit: " s",
        },
      ],
    };
  },
});
