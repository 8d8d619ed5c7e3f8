/** Every recorded history has to replay: see `test/support/recorded-histories.ts` for how they are made. */

import { Worker } from "@temporalio/worker";
import type { WorkflowBundleWithSourceMap } from "@temporalio/worker";
import { beforeAll, expect, test } from "vitest";
import { readHistories } from "#test/support/recorded-histories";
import type { RecordedHistory } from "#test/support/recorded-histories";
import { bundleWorkflows } from "#test/support/temporal";

let workflowBundle: WorkflowBundleWithSourceMap;
beforeAll(async () => {
  workflowBundle = await bundleWorkflows();
});

/** @returns Names of the histories that the workflows, as they are now, would not have made. */
async function differing(histories: readonly RecordedHistory[]): Promise<string[]> {
  const recorded = histories.map(({ name, history }) => ({ workflowId: name, history }));
  const results = await Array.fromAsync(Worker.runReplayHistories({ workflowBundle }, recorded));
  return results.filter(({ error }) => error !== undefined).map(({ workflowId }) => workflowId);
}

/** One of each kind of life; later versions add theirs beside these. */
const RECORDED_OF_0_1_0 = [
  "benchmark-run",
  "benchmark-run-attached",
  "benchmark-run-failed",
  "host-queue",
  "host-queue-continued",
  "nightly-confirmed",
  "pull-request-comment",
  "reap-host",
  "sweep-cancelled",
  "sweep-continued",
  "sweep-paused",
  "sweep-report",
  "sweep-resumed",
].map((name) => `0.1.0/${name}`);

test("histories of every released version replay with the workflows as they are now", async () => {
  const histories = await readHistories();
  expect(histories.map(({ name }) => name)).toEqual(RECORDED_OF_0_1_0);
  expect(await differing(histories)).toEqual([]);
});

test("a history with another step in it does not replay", async () => {
  const [{ history }] = (await readHistories()) as [RecordedHistory];
  const barrier = history.events?.find(
    ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name === "passBarrier",
  );
  barrier!.activityTaskScheduledEventAttributes!.activityType!.name = "skipBarrier";
  expect(await differing([{ name: "altered", history }])).toEqual(["altered"]);
});
