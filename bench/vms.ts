#!/usr/bin/env node
/**
 * VMs of a simulated ESXi, which are containers: how long N = 15 take until they have addresses, beside a plain script
 * with govc that makes the same calls, in turn; and how long nodes in them take to find each other, beside the same nodes
 * without VMs. It shows what our code costs, and nothing about virtual machines.
 */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pLimit from "p-limit";
import { note, runBench } from "#bench/support/program";
import { openMysqlNodeDatabase } from "#activities/database/mysql-node-database";
import { deriveFenceToken, derivePassword, derivePeerPassword, verifierOf } from "#activities/database/password";
import { LockFiles } from "#activities/fence/lock-files";
import { ImageBuilds } from "#activities/image/image-builds";
import { RemoteHostGuards } from "#activities/guards/host-guards";
import { createHostActivities } from "#activities/host-activities";
import { DEFAULT_TIMING } from "#activities/host-dependencies";
import { formatVmConfig, toGuestinfo } from "#activities/image/vm-config";
import { templateNameOf } from "#activities/providers/esxi-template";
import type { NodeProvider } from "#activities/providers/provider";
import { DEFAULT_GUARDS } from "#model/guards";
import { NODE_ENV, VM_CONFIG } from "#model/node-protocol";
import type { RunSpec } from "#model/run";
import type { Environment } from "#model/spec";
import { median } from "#model/statistics";
import { DOCKER_ENVIRONMENT, openDockerProvider } from "#test/support/docker-harness";
import { ESXI_ENVIRONMENT, EsxiHarness, TINY_IMAGE } from "#test/support/esxi-harness";
import { sampleRun } from "#test/support/sample-run";

const execute = promisify(execFile);

const PROVISIONING_LIMIT = 1.3;
const SYNC_LIMIT = 1.5;
/** As the provider has it. */
const CALLS_AT_ONCE = 4;
/** Of VMs that only have to be there: all of them have room on the simulated host. */
const SMALL_MIB = 128;
const SECRET = randomBytes(32).toString("hex");
const NEVER = new AbortController().signal;

/** A run of its own, for tuples that do not matter. */
async function newRun(provider: NodeProvider, wanted: Environment, nodes: number, memoryMib = 256): Promise<RunSpec> {
  const environment = await provider.prepareEnvironment(wanted);
  const runId = `bench-${randomBytes(4).toString("hex")}-p1-r1-a1`;
  const point = { nodes, memoryMib, ratePerMin: 6000, durationSec: 1 };
  return sampleRun({ runId, sweepId: runId.split("-p1")[0]!, environment, point });
}

const inTenMinutes = (): string => new Date(Date.now() + 600_000).toISOString();

/** @returns Seconds until all VMs had addresses. */
async function provisionOurs(host: EsxiHarness, run: RunSpec): Promise<number> {
  const deadlineAt = inTenMinutes();
  const workerVerifier = verifierOf(derivePassword(SECRET, run.runId));
  await host.provider.ensureRun(run, deadlineAt, NEVER);
  const startedMs = performance.now();
  const nodes = Array.from({ length: run.point.nodes }, (_, i) =>
    host.provider.ensureNode(run, { index: i + 1, deadlineAt, workerVerifier, sizing: run.sizing }, NEVER),
  );
  await Promise.all(nodes);
  return (performance.now() - startedMs) / 1000;
}

/** The same VMs as a script would make them that looks at nothing. */
async function provisionPlain({ vcsim }: EsxiHarness, run: RunSpec): Promise<number> {
  const env = {
    PATH: process.env["PATH"],
    HOME: await mkdtemp(join(tmpdir(), "meshbench-bench-")),
    GOVC_URL: vcsim.url,
    GOVC_USERNAME: vcsim.username,
    GOVC_PASSWORD: vcsim.password,
    GOVC_INSECURE: "1",
  };
  const govc = (...args: string[]) => execute(vcsim.govc, args, { env });
  const slots = pLimit(CALLS_AT_ONCE);
  const template = templateNameOf(TINY_IMAGE);
  const startedMs = performance.now();
  const made = Array.from({ length: run.point.nodes }, (_, i) =>
    slots(async () => {
      const name = `${run.runId}-n${i + 1}`;
      const hardware = ["-c", "1", "-m", "256", "-g", "other3xLinux64Guest", "-net", vcsim.network];
      const disk = ["-ds", vcsim.datastore, "-disk", `${template}/disk-0.vmdk`, "-link", "-on=false"];
      await govc("vm.create", ...hardware, ...disk, name);
      await govc("vm.change", "-vm", name, "-e", `${VM_CONFIG.guestinfoKey}=${toGuestinfo(plainConfig(run, i + 1))}`);
      await govc("vm.power", "-on", name);
      await govc("vm.ip", "-v4", "-wait", "60s", name);
    }),
  );
  const settled = await Promise.allSettled(made);
  const tookSec = (performance.now() - startedMs) / 1000;
  await rm(env.HOME, { recursive: true });
  for (const one of settled) if (one.status === "rejected") throw one.reason;
  return tookSec;
}

function plainConfig({ runId, sizing }: RunSpec, index: number): string {
  return formatVmConfig({
    [NODE_ENV.runId]: runId,
    [NODE_ENV.nodeIndex]: index,
    [NODE_ENV.deadlineSec]: 600,
    [NODE_ENV.workerVerifier]: verifierOf(derivePassword(SECRET, runId)),
    [NODE_ENV.bufferPoolMib]: sizing.bufferPoolMib,
    [NODE_ENV.redoLogMib]: sizing.redoLogMib,
    [NODE_ENV.heapTableMib]: sizing.heapTableMib,
  });
}

async function removePlain({ govc }: EsxiHarness, { runId }: RunSpec): Promise<void> {
  const vms = (await govc.vm.list()).filter(({ name }) => name.startsWith(`${runId}-n`));
  for (const { ref } of vms) {
    for (const { name } of await govc.device.disks(ref)) await govc.device.remove(ref, name, { keepFile: true });
    await govc.vm.destroy(ref);
  }
}

/** @returns Calls of govc for each VM: from nothing to its address, and away again. */
async function countCalls(host: EsxiHarness, nodes: number): Promise<{ made: number; removed: number }> {
  const dir = await mkdtemp(join(tmpdir(), "meshbench-bench-"));
  const [counter, log] = [join(dir, "govc"), join(dir, "calls")];
  await writeFile(counter, `#!/bin/sh\necho "$1" >>${log}\nexec ${host.vcsim.govc} "$@"\n`);
  await chmod(counter, 0o700);
  const counted = host.open({ connect: { ...host.vcsim.govcOptions, govc: counter } });
  const countSoFar = async () => (await readFile(log, "utf8")).split("\n").length - 1;
  try {
    const run = await newRun(counted, ESXI_ENVIRONMENT, nodes, SMALL_MIB);
    const deadlineAt = inTenMinutes();
    await counted.ensureRun(run, deadlineAt, NEVER);
    const before = await countSoFar();
    const node = { deadlineAt, workerVerifier: verifierOf("x"), sizing: run.sizing };
    await Promise.all(
      Array.from({ length: nodes }, (_, i) => counted.ensureNode(run, { ...node, index: i + 1 }, NEVER)),
    );
    const made = await countSoFar();
    await counted.destroyRun(run.runId);
    return { made: (made - before) / nodes, removed: ((await countSoFar()) - made) / nodes };
  } finally {
    await counted.close();
    await rm(dir, { recursive: true });
  }
}

/** @returns Seconds from the work that a node gets to the barrier's release, of the slowest node. */
async function measureSync(provider: NodeProvider, environment: Environment, nodes: number): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), "meshbench-bench-"));
  const openDatabase = openMysqlNodeDatabase(SECRET);
  const context = {
    signal: NEVER,
    scheduledAtMs: Date.now(),
    attemptScheduledAtMs: Date.now(),
    attempt: 1,
    heartbeat: () => {},
  };
  const activities = createHostActivities({
    host: environment.host,
    providers: new Map([[provider.name, provider]]),
    openDatabase,
    credentials: {
      workerVerifier: (runId) => verifierOf(derivePassword(SECRET, runId)),
      peerPassword: (runId) => derivePeerPassword(SECRET, runId),
    },
    fenceToken: (runId) => deriveFenceToken(SECRET, runId),
    spoolDir: join(dir, "spool"),
    keptLogsDir: join(dir, "logs"),
    askRunOutcome: () => Promise.resolve("unknown"),
    domain: "bench",
    machineFence: new LockFiles(join(dir, "locks")),
    currentContext: () => context,
    timing: DEFAULT_TIMING,
    imageBuilds: new ImageBuilds(),
    guards: new RemoteHostGuards(DEFAULT_GUARDS),
  });
  const run = await newRun(provider, environment, nodes);
  const database = openDatabase(run.runId);
  try {
    const provisioned = await activities.provisionNodes({ run, deadlineAt: inTenMinutes() });
    await activities.passBarrier({ run, nodes: provisioned.nodes });
    await activities.followMainLoop({ run, nodes: provisioned.nodes });
    await activities.finaliseRun({ run, nodes: provisioned.nodes });
    const results = await Promise.all(provisioned.nodes.map((node) => database.readResult(node)));
    return Math.max(...results.map(({ syncSec }) => syncSec));
  } finally {
    await database.close();
    await activities.destroyNodes({ runId: run.runId });
    await rm(dir, { recursive: true });
  }
}

await runBench({
  name: "vms",
  description: "what provisioning and synchronising simulated VMs costs, beside plain govc and beside containers",
  options: {
    rounds: [3, "rounds of each, in turn"],
    nodes: [15, "VMs that are provisioned"],
    mesh: [4, "nodes that synchronise"],
  },
  async measure({ rounds, nodes, mesh }) {
    await using host = await EsxiHarness.start({ mode: "esx" });
    const docker = openDockerProvider();
    const figures: { ours: number; plain: number; vms: number; containers: number }[] = [];
    for (let round = 1; round <= rounds; round++) {
      note(`round ${round} of ${rounds}`);
      const [oursRun, plainRun] = [
        await newRun(host.provider, ESXI_ENVIRONMENT, nodes, SMALL_MIB),
        await newRun(host.provider, ESXI_ENVIRONMENT, nodes, SMALL_MIB),
      ];
      const ours = await provisionOurs(host, oursRun);
      await host.provider.destroyRun(oursRun.runId);
      const plain = await provisionPlain(host, plainRun);
      await removePlain(host, plainRun);
      const vms = await measureSync(host.provider, ESXI_ENVIRONMENT, mesh);
      const containers = await measureSync(docker, DOCKER_ENVIRONMENT, mesh);
      figures.push({ ours, plain, vms, containers });
    }
    const calls = await countCalls(host, nodes);
    const medianOf = (of: (round: (typeof figures)[number]) => number) => median(figures.map(of));
    return {
      tables: [
        {
          title: `medians of ${rounds} rounds, seconds`,
          columns: ["", "s"],
          rows: [
            [`${nodes} VMs until they have addresses`, medianOf(({ ours }) => ours)],
            ["the same by plain govc, four at a time", medianOf(({ plain }) => plain)],
            [`sync of ${mesh} nodes in VMs`, medianOf(({ vms }) => vms)],
            [`sync of ${mesh} nodes in containers`, medianOf(({ containers }) => containers)],
          ],
        },
        {
          title: "calls of govc for each VM",
          columns: ["", "calls"],
          rows: [
            ["to its address", calls.made],
            ["away again", calls.removed],
          ],
        },
      ],
      goals: [
        {
          what: "provisioning, share of plain govc",
          value: medianOf(({ ours, plain }) => ours / plain),
          bound: "at most",
          limit: PROVISIONING_LIMIT,
          unit: "",
        },
        {
          what: "sync in VMs, share of that in containers",
          value: medianOf(({ vms, containers }) => vms / containers),
          bound: "at most",
          limit: SYNC_LIMIT,
          unit: "",
        },
      ],
    };
  },
});
