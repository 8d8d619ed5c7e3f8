import { afterAll, beforeAll, expect, test } from "vitest";
import { hostWorkflowId, LABEL, runWorkflowId } from "#model/ids";
import type { BenchmarkRunInput } from "#workflows/messages";
import { defaultPayloadConverter } from "@temporalio/common";
import { until } from "#test/support/installation-harness";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";

/** From a terminate until nothing of the run is left. */
const CLEAN_SEC = 300;

let chaos: ChaosHarness;
beforeAll(async () => {
  chaos = await ChaosHarness.up();
});
afterAll(() => chaos[Symbol.asyncDispose]());

const terminate = (workflowId: string): Promise<unknown> =>
  chaos.installation.withClient((client) => client.workflow.getHandle(workflowId).terminate("by an operator"));

/** Run ids in the order in which their first node was made. */
function runsInOrder(): string[] {
  const created = chaos.events.ofNodes(chaos.installation.hostId, "create");
  return [...new Set(created.map(({ attributes }) => attributes[LABEL.run] ?? ""))];
}

function lastRemovalMs(runId: string): number {
  const removed = chaos.events.ofNodes(chaos.installation.hostId, "destroy");
  return Math.max(...removed.filter(({ attributes }) => attributes[LABEL.run] === runId).map(({ timeMs }) => timeMs));
}

test("F09: a run that is terminated is reaped, and its host is drained before the next run starts", async () => {
  const sweep = await chaos.startSweep("f09", { durationSec: 30 });
  await sweep.untilStep("main");
  const terminatedAtMs = Date.now();
  await terminate(runWorkflowId(sweep.runId));
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  expect(rows).toMatchObject([
    { status: "FAILED", reason: expect.stringMatching(/^history lost: .*Terminated/), attempt: 1 },
    { status: "VALID", attempt: 2 },
  ]);
  expect((lastRemovalMs(sweep.runId) - terminatedAtMs) / 1000).toBeLessThan(CLEAN_SEC);
  expect(await chaos.violations()).toEqual([]);
});

test("F09: a host's queue that is terminated is forgotten by nobody: its run ends, and the next one gets the host", async () => {
  const sweep = await chaos.startSweep("f09-queue", { rest: { repetitions: 2 } });
  await sweep.untilStep("main");
  await terminate(hostWorkflowId(chaos.installation.hostId));
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  expect(rows).toMatchObject([{ status: "VALID" }, { status: "VALID" }]);
  expect(await chaos.violations()).toEqual([]);
});

/** As an operator may with Temporal's own tools: a run without a sweep, of another run's making. */
async function startManualRun(ofRunId: string, runId: string): Promise<void> {
  await chaos.installation.withClient(async (client) => {
    const { events } = await client.workflow.getHandle(runWorkflowId(ofRunId)).fetchHistory();
    const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    const { run } = defaultPayloadConverter.fromPayload<BenchmarkRunInput>(payload ?? {});
    await client.workflow.start("benchmarkRunWorkflow", {
      workflowId: runWorkflowId(runId),
      taskQueue: "meshbench",
      args: [{ run: { ...run, runId } }],
    });
  });
}

test("F42: two sweeps and a manual run take turns by priority and arrival, also when the holder is killed", async () => {
  const first = await chaos.startSweep("f42", { durationSec: 30 });
  await first.untilStep("main");
  const second = await chaos.startSweep("f42-urgent", { args: ["--priority", "1"] });
  const manualRunId = `${second.id}-p1-r9-a1`;
  await startManualRun(first.runId, manualRunId);
  const inLine = async () => {
    const { stdout } = await chaos.installation.expectExit(0, "queue", "--json");
    return (JSON.parse(stdout) as { queue: { line: unknown[] } | null }[]).flatMap(({ queue }) => queue?.line ?? []);
  };
  await until("both wait behind the first", 60, async () => (await inLine()).length >= 2);
  await terminate(runWorkflowId(first.runId));
  for (const sweep of [first, second]) sweep.faultIsOver();

  const ended = [await second.ended(), await first.ended()];
  expect(ended.map(({ rows }) => rows.map(({ status }) => status))).toEqual([["VALID"], ["FAILED", "VALID"]]);
  await chaos.installation.withClient((client) => client.workflow.getHandle(runWorkflowId(manualRunId)).result());
  expect(runsInOrder().filter((runId) => runId.startsWith("f42"))).toEqual([
    first.runId,
    second.runId,
    first.runIdOf({ attempt: 2 }),
    manualRunId,
  ]);
  expect(await chaos.violations()).toEqual([]);
});
