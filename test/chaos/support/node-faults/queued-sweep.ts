/** A sweep to which something happens after its plan, and before any node of it is made. */

import { readSweepProgress } from "#cli/sweep-client";
import type { RunRow } from "#model/result-row";
import type { ChaosHarness, ChaosSweep } from "#test/chaos/support/chaos-harness";
import { brokenRow, ONE_ATTEMPT } from "#test/chaos/support/node-faults/after-fault";
import { until } from "#test/support/installation-harness";

interface QueuedSweep {
  readonly sweep: ChaosSweep;
  /** Gives it the host. @returns The row of its run, which has to fail. */
  readonly letGo: () => Promise<RunRow>;
}

/** It waits behind another sweep, which has the host. */
export async function startQueued(chaos: ChaosHarness, name: string, rest: object = {}): Promise<QueuedSweep> {
  const holder = await chaos.startSweep("holder", { durationSec: 600 });
  await holder.untilStep("main");
  const sweep = await chaos.startSweep(name, { rest: { ...ONE_ATTEMPT, ...rest } });
  await chaos.installation.withClient((client) =>
    until(`${name} waits for the host`, 60, async () => {
      const { currentRunId } = await readSweepProgress(client, sweep.id);
      return currentRunId === sweep.runId;
    }),
  );
  const letGo = async () => {
    await chaos.installation.expectExit(0, "cancel", holder.id);
    holder.faultIsOver();
    sweep.faultIsOver();
    await holder.ended();
    return brokenRow(sweep);
  };
  return { sweep, letGo };
}
