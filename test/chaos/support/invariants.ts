/** What holds after every fault, whatever it was: I1 to I11 of the fault catalogue, one function each. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Docker from "dockerode";
import { defaultPayloadConverter } from "@temporalio/common";
import type { WorkflowBundleWithSourceMap } from "@temporalio/worker";
import { seedPartsOf } from "#activities/assignment";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { openSqliteStore } from "#activities/results/sqlite-store";
import type { ResultsStore } from "#activities/results/results-store";
import { clockDriftsOf } from "#model/clocks";
import { FAILURES } from "#model/errors";
import { DEFAULT_GUARDS } from "#model/guards";
import { LABEL, runIdOfWorkflow, runWorkflowId, sweepWorkflowId } from "#model/ids";
import { masterIndexOf } from "#model/master";
import { NODE_ENV } from "#model/node-protocol";
import type { RunRow } from "#model/result-row";
import type { RunEvidence } from "#model/run";
import { expectedDigests } from "#model/tuples";
import type { InstallationHarness } from "#test/support/installation-harness";
import { bundleWorkflows } from "#test/support/temporal";
import type { ChaosHarness, ChaosSweep } from "#test/chaos/support/chaos-harness";
import type { EngineEvent } from "#test/chaos/support/engine-events";
import { findOverlapsIn } from "#test/chaos/support/overlaps";
import { replay } from "#test/chaos/support/replay";
import { payloadsIn } from "#test/chaos/support/secret-canary";
import { readWorkflows } from "#test/chaos/support/workflow-histories";
import type { RecordedWorkflow } from "#test/chaos/support/workflow-histories";

/** After a run has closed. */
const CLEAN_WITHIN_SEC = 60;
/** After the faults have ended, beside what is left of the load. */
const TERMINAL_WITHIN_SEC = 120;
const HISTORY_EVENTS_MOST = 2000;
const HISTORY_BYTES_MOST = 1_000_000;
const PAYLOAD_BYTES_MOST = 256 * 1024;
const POLL_MS = 250;

/** What an invariant is checked on. */
interface Scene extends Pick<ChaosHarness, "installation" | "events" | "decoys" | "canary"> {
  readonly sweeps: readonly ChaosSweep[];
  readonly workflows: readonly RecordedWorkflow[];
  readonly store: ResultsStore;
  readonly rows: readonly RunRow[];
  /** As `meshbench list` tells. */
  readonly openSweepIds: ReadonlySet<string>;
}

/** @returns A line for each violation, beginning with the invariant's number; waits for what has time to become true. */
export async function findViolations(harness: ChaosHarness): Promise<string[]> {
  const { installation, events, decoys, canary, sweeps } = harness;
  await untilTerminal(harness);
  const left = await leftAfter(CLEAN_WITHIN_SEC, harness);
  const workflows = await readWorkflows(installation);
  const store = openSqliteStore(join(installation.home, "results"));
  try {
    const rows = sweeps.flatMap(({ id }) => store.listRuns(id));
    const openSweepIds = await listOpenSweeps(installation);
    const scene = { installation, events, decoys, canary, sweeps, workflows, store, rows, openSweepIds };
    const found = {
      I1: left,
      I2: findOverlaps(scene),
      I3: [...findWrongRecords(scene), ...(await findOpenIntents(scene))],
      I4: await findUnproven(scene),
      I5: findRepeatedEffects(scene),
      I6: findOpenEnds(scene),
      I7: await findSecrets(scene),
      I8: await findUnreplayable(scene),
      I9: findLargeHistories(scene),
      I10: findPoorReasons(scene),
      I11: await decoys.findTouched(),
    };
    return Object.entries(found).flatMap(([invariant, lines]) => lines.map((line) => `${invariant}: ${line}`));
  } finally {
    store.close();
  }
}

async function listOpenSweeps(installation: InstallationHarness): Promise<ReadonlySet<string>> {
  const { stdout } = await installation.expectExit(0, "list", "--json");
  const sweeps = JSON.parse(stdout) as { sweep_id: string; status: string }[];
  return new Set(sweeps.filter(({ status }) => status === "OPEN").map(({ sweep_id: id }) => id));
}

/** Until the sweeps' workflows have closed, or should have: `findOpenEnds` says which. */
async function untilTerminal({ installation, sweeps }: ChaosHarness): Promise<void> {
  const latestMs = Math.max(0, ...sweeps.map((sweep) => terminalByMs(sweep) ?? 0));
  await installation.withClient(async (client) => {
    while (Date.now() < latestMs) {
      const open = await Array.fromAsync(client.workflow.list({ query: 'ExecutionStatus = "Running"' }));
      if (!open.some(({ workflowId }) => sweeps.some((sweep) => isOf(workflowId, sweep)))) return;
      await delay(POLL_MS);
    }
  });
}

/** Milliseconds since 1970; `undefined` where nobody said when the fault was over. */
const terminalByMs = ({ faultEndedAtMs, durationSec }: ChaosSweep): number | undefined =>
  faultEndedAtMs === undefined ? undefined : faultEndedAtMs + (TERMINAL_WITHIN_SEC + durationSec) * 1000;

const isOf = (workflowId: string, { id }: ChaosSweep): boolean =>
  workflowId === sweepWorkflowId(id) || workflowId.startsWith(runWorkflowId(`${id}-p`));

/** I1: nothing is left, in whatever state. */
async function leftAfter(limitSec: number, harness: ChaosHarness): Promise<string[]> {
  const deadline = performance.now() + limitSec * 1000;
  for (;;) {
    const left = await findLeft(harness);
    if (left.length === 0 || performance.now() > deadline) return left;
    await delay(POLL_MS);
  }
}

async function findLeft({ installation, events, sweeps }: ChaosHarness): Promise<string[]> {
  return [
    ...(await installation.resources()),
    ...(await findVolumes(installation.hostId, events.all)),
    ...installation.transitFiles(),
    ...findNodeProcesses(sweeps),
  ];
}

/** Volumes have no labels of ours: those that the engine mounted for nodes. */
async function findVolumes(hostId: string, events: readonly EngineEvent[]): Promise<string[]> {
  const nodes = new Set(events.filter(({ attributes }) => attributes[LABEL.host] === hostId).map(({ id }) => id));
  const mounted = events.filter(({ type, action, attributes }) => {
    return type === "volume" && action === "mount" && nodes.has(attributes["container"] ?? "");
  });
  if (mounted.length === 0) return [];
  const { Volumes: volumes } = await new Docker(resolveDockerEndpoint().options).listVolumes();
  const names = new Set(volumes.map(({ Name }) => Name));
  return mounted.filter(({ id }) => names.has(id)).map(({ id }) => `volume ${id}`);
}

/** As the machine sees them, whatever the engine says. */
function findNodeProcesses(sweeps: readonly ChaosSweep[]): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const environ = readFileSync(`/proc/${pid}/environ`, "latin1");
      return sweeps.some(({ id }) => environ.includes(`${NODE_ENV.runId}=${id}-`)) ? [`process ${pid} of a node`] : [];
    } catch {
      return []; // ended since, or a kernel thread
    }
  });
}

/** I2: two runs never occupied one host. */
const findOverlaps = ({ events, installation: { hostId } }: Scene): string[] =>
  findOverlapsIn(nodeEvents(events.all, hostId));

/** The ledger knows of nothing that is not there: of runs that could not cross themselves out, a pass of the reaper does. */
async function findOpenIntents({ store, installation }: Scene): Promise<string[]> {
  if (store.listOpenIntents(installation.hostId).length === 0) return [];
  await installation.expectExit(0, "reap");
  return store.listOpenIntents(installation.hostId).map(({ run }) => `${run.runId} is open in the ledger`);
}

/** I3: one terminal record of each run, the one that its workflow ended with. */
function findWrongRecords({ workflows, rows, openSweepIds, sweeps }: Scene): string[] {
  const isOurs = (runId: string) => sweeps.some(({ id }) => runId.startsWith(`${id}-p`));
  const unrecorded = workflows
    .filter(({ type }) => type === "benchmarkRunWorkflow")
    .map(({ workflowId }) => runIdOfWorkflow(workflowId))
    .filter((runId) => isOurs(runId) && !rows.some(({ run_id }) => run_id === runId));
  const other = rows.filter(({ run_id: runId, status }) => {
    const ended = workflows.filter(({ workflowId }) => workflowId === runWorkflowId(runId)).map(resultOf);
    // Only one that ended by itself has a result; of a run that was collected again the last counts.
    const result = ended.find((row) => row !== undefined);
    return result !== undefined && result.status !== status;
  });
  return [
    ...new Set(unrecorded.map((runId) => `${runId} has no row`)),
    ...other.map(({ run_id: runId, status }) => `${runId} is ${status}, its workflow ended otherwise`),
    ...sweeps.filter(({ id }) => openSweepIds.has(id)).map(({ id }) => `sweep ${id} is open`),
  ];
}

/** The row that a run's workflow ended with. */
function resultOf({ history }: RecordedWorkflow): RunRow | undefined {
  const end = history.events?.at(-1)?.workflowExecutionCompletedEventAttributes;
  const [payload] = end?.result?.payloads ?? [];
  return payload && defaultPayloadConverter.fromPayload<RunRow>(payload);
}

/** I4: VALID means proven. Judged anew from the evidence, with the expected tuples made anew from the seed. */
async function findUnproven({ rows, store }: Scene): Promise<string[]> {
  const checks = rows
    .filter(({ status }) => status === "VALID")
    .map(async ({ run_id: runId }) => {
      const evidence = await store.readEvidence(runId);
      const doubts = evidence === undefined ? ["there is no evidence"] : await findDoubts(evidence);
      return doubts.map((doubt) => `${runId} is VALID, but ${doubt}`);
    });
  return (await Promise.all(checks)).flat();
}

async function findDoubts({ run, nodes, results, proofs }: RunEvidence): Promise<string[]> {
  const digests = await expectedDigests(seedPartsOf(run), new AbortController().signal);
  const rowsExpected = run.point.nodes * seedPartsOf(run).tupleCount;
  const unproven = nodes.filter((_, i) => {
    const proof = proofs[i];
    const isWhole = proof?.rows === rowsExpected && proof.distinctRows === rowsExpected;
    return !isWhole || proof.digest !== digests[i];
  });
  const released = results.map(({ releasedAtMasterUs }) => releasedAtMasterUs);
  const spreadMs = (Math.max(...released) - Math.min(...released)) / 1000;
  const drifts = clockDriftsOf(results, masterIndexOf(nodes));
  return [
    ...unproven.map(({ index }) => `database ${index} does not hold what it should`),
    ...(results.length === run.point.nodes ? [] : [`${results.length} of ${run.point.nodes} results are there`]),
    ...(spreadMs > DEFAULT_GUARDS.gapMs ? [`its nodes left the barrier ${spreadMs} ms apart`] : []),
    ...results.filter(({ longestGapMs }) => longestGapMs > DEFAULT_GUARDS.gapMs).map(() => "a node had a gap"),
    ...results.filter(({ reconnects }) => reconnects > 0).map(() => "a connection was replaced"),
    ...drifts.filter((drift) => !drift || Math.abs(drift.driftSec) > drift.toleranceSec).map(() => "a clock was off"),
  ];
}

/** I5: one container of each node, started once; one workflow of each sweep. */
function findRepeatedEffects({ events, installation: { hostId }, workflows }: Scene): string[] {
  const done = nodeEvents(events.all, hostId);
  const effects = ["create", "start"].flatMap((action) => {
    const byNode = Map.groupBy(
      done.filter((event) => event.action === action),
      ({ attributes }) => `node ${attributes[LABEL.node]} of ${attributes[LABEL.run]}`,
    );
    return [...byNode]
      .filter(([, times]) => times.length > 1)
      .map(([node, { length }]) => `${length} ${action} of ${node}`);
  });
  const sweeps = Map.groupBy(
    workflows.filter(({ type, status }) => type === "sweepWorkflow" && status !== "CONTINUED_AS_NEW"),
    ({ workflowId }) => workflowId,
  );
  return [...effects, ...[...sweeps].filter(([, { length }]) => length > 1).map(([id]) => `${id} ran more than once`)];
}

/** I6: after the faults end, everything is terminal within 120 s and what is left of the load. */
function findOpenEnds({ sweeps, workflows }: Scene): string[] {
  return sweeps.flatMap((sweep) => {
    const limitMs = terminalByMs(sweep);
    if (limitMs === undefined) return [`nobody said when the fault of ${sweep.id} was over`];
    const own = workflows.filter(({ workflowId }) => isOf(workflowId, sweep));
    return own.flatMap(({ workflowId, status, closedAtMs }) => {
      if (closedAtMs === undefined) return [`${workflowId} is ${status}`];
      return closedAtMs > limitMs ? [`${workflowId} closed ${Math.round((closedAtMs - limitMs) / 1000)} s late`] : [];
    });
  });
}

/** I7: no secret where it does not belong. */
async function findSecrets({ canary, workflows, sweeps, rows }: Scene): Promise<string[]> {
  for (const { run_id } of rows) canary.addRun(run_id);
  await canary.look();
  canary.lookAtHistories(workflows);
  for (const { id, output } of sweeps) canary.lookAtOutput(`${output?.stdout}${output?.stderr}`, `output of ${id}`);
  return canary.found;
}

let bundle: Promise<WorkflowBundleWithSourceMap> | undefined;

/** I8: what was recorded replays with the workflows as they are now. */
async function findUnreplayable({ workflows }: Scene): Promise<string[]> {
  bundle ??= bundleWorkflows();
  return replay(await bundle, workflows);
}

/** I9: a run's history stays small. */
function findLargeHistories({ workflows }: Scene): string[] {
  return workflows.flatMap(({ workflowId, type, eventCount, sizeBytes, history }) => {
    const isRun = type === "benchmarkRunWorkflow";
    const largest = Math.max(0, ...payloadsIn(history).map(({ length }) => length));
    return [
      ...(isRun && eventCount >= HISTORY_EVENTS_MOST ? [`${workflowId} has ${eventCount} events`] : []),
      ...(isRun && sizeBytes >= HISTORY_BYTES_MOST ? [`${workflowId} has ${sizeBytes} bytes`] : []),
      ...(largest >= PAYLOAD_BYTES_MOST ? [`${workflowId} has a payload of ${largest} bytes`] : []),
    ];
  });
}

/** I10: every INVALID or FAILED names fault, step, host and what to do. */
function findPoorReasons({ rows, installation: { hostId } }: Scene): string[] {
  return rows
    .filter(({ status }) => status === "INVALID" || status === "FAILED")
    .flatMap(({ run_id: runId, reason }) => {
      const fault = Object.entries(FAILURES).find(([kind]) => reason.startsWith(`${kind}: `));
      const lacks = [
        ...(fault ? [] : ["its fault"]),
        ...(/\(in (?:provision|sync|main|finalise|collect|teardown|an unknown step)\b/.test(reason)
          ? []
          : ["its step"]),
        ...(reason.includes(`host ${hostId}`) ? [] : ["its host"]),
        ...(fault && reason.endsWith(fault[1].hint) ? [] : ["what to do"]),
      ];
      return lacks.map((lack) => `${runId} does not name ${lack}: ${reason}`);
    });
}

function nodeEvents(events: readonly EngineEvent[], hostId: string): EngineEvent[] {
  return events.filter(
    ({ type, attributes }) =>
      type === "container" && attributes[LABEL.host] === hostId && attributes[LABEL.node] !== undefined,
  );
}
