#!/usr/bin/env node
/** What a run costs beside its main loop, and how much of it is the workflow's own: from Temporal's histories. */

import type { temporal } from "@temporalio/proto";
import { runSweep } from "#bench/support/meshbench";
import { runBench } from "#bench/support/program";
import { runWorkflowId } from "#model/ids";
import type { RunRow } from "#model/result-row";
import { median } from "#model/statistics";
import { connectClient } from "#worker/temporal-connection";

const BESIDE_LIMIT_SEC = 8;
const STEPS_LIMIT_SEC = 0.3;

type HistoryEvent = temporal.api.history.v1.IHistoryEvent;

interface RunCost {
  readonly besideSec: number;
  readonly stepsSec: number;
  readonly row: RunRow;
}

/**
 * The gaps: from the end of one activity, or the grant of the host, to the start of the next; and from the last to the
 * end of the workflow. In them nothing of the run goes on but its orchestration.
 */
function stepsSecOf(events: readonly HistoryEvent[]): number {
  let sumSec = 0;
  let idleSinceSec: number | undefined;
  for (const event of events) {
    if (beginsGap(event)) idleSinceSec = secondsOf(event);
    if (!endsGap(event) || idleSinceSec === undefined) continue;
    sumSec += secondsOf(event) - idleSinceSec;
    idleSinceSec = undefined;
  }
  return sumSec;
}

const beginsGap = (event: HistoryEvent): boolean =>
  Boolean(event.activityTaskCompletedEventAttributes ?? event.workflowExecutionSignaledEventAttributes);

const endsGap = (event: HistoryEvent): boolean =>
  Boolean(event.activityTaskStartedEventAttributes ?? event.workflowExecutionCompletedEventAttributes);

const secondsOf = ({ eventTime }: HistoryEvent): number => Number(eventTime?.seconds) + Number(eventTime?.nanos) / 1e9;

await runBench({
  name: "orchestration",
  description: "what a run at N = 4 costs outside its main loop",
  options: { runs: [3, "runs"], nodes: [4, "nodes"] },
  async measure({ runs, nodes }) {
    const rows = await runSweep({ nodes, rate: 6_000, duration: "5s", repetitions: runs });
    const client = await connectClient();
    try {
      const costs: RunCost[] = [];
      for (const row of rows) {
        const { events } = await client.workflow.getHandle(runWorkflowId(row.run_id)).fetchHistory();
        const [first, last] = [events?.at(0), events?.at(-1)];
        if (!events || !first || !last || row.main_s === null) throw new Error(`${row.run_id} is ${row.status}`);
        costs.push({ besideSec: secondsOf(last) - secondsOf(first) - row.main_s, stepsSec: stepsSecOf(events), row });
      }
      const medianOf = (of: (cost: RunCost) => number) => median(costs.map(of));
      const besideSec = medianOf((cost) => cost.besideSec);
      const stepsSec = medianOf((cost) => cost.stepsSec);
      return {
        tables: [
          {
            title: `A run at N = ${nodes}, seconds, medians of ${costs.length}`,
            columns: ["part", "s"],
            rows: [
              ["provision", medianOf(({ row }) => row.provision_s as number)],
              ["sync, 3 s of warm-up included", medianOf(({ row }) => row.sync_s as number)],
              ["finalise", medianOf(({ row }) => row.finalise_s as number)],
              ["collect", medianOf(({ row }) => row.collect_s as number)],
              ["teardown", medianOf(({ row }) => row.teardown_s as number)],
              ["workflow, between its steps", stepsSec],
              ["all but the main loop", besideSec],
            ],
          },
        ],
        goals: [
          {
            what: `a run at N = ${nodes} outside its main loop`,
            value: besideSec,
            bound: "at most",
            limit: BESIDE_LIMIT_SEC,
            unit: " s",
          },
          {
            what: "the workflow's steps themselves",
            value: stepsSec,
            bound: "at most",
            limit: STEPS_LIMIT_SEC,
            unit: " s",
          },
        ],
      };
    } finally {
      await client.connection.close();
    }
  },
});
