/**
 * What people see of a sweep under their pull request, from each time it is begun or resumed to its end. A workflow of its
 * own: GitHub may be away for longer than a sweep lasts, and a sweep owes nothing to GitHub.
 */

import { setHandler } from "@temporalio/workflow";
import type { SweepReport } from "#model/pull-request";
import { sweepOpenedSignal } from "#workflows/messages";
import { githubActivities } from "#workflows/step-options";

export async function sweepReportWorkflow(report: SweepReport): Promise<void> {
  let isOpen = true;
  setHandler(sweepOpenedSignal, () => {
    isOpen = true;
  });
  while (isOpen) {
    isOpen = false;
    await reportSweep(report);
  }
}

/** Of a sweep that has ended meanwhile the same is said again, which changes nothing. */
export async function reportSweep({ sweep, hosts }: SweepReport): Promise<void> {
  const ended = await githubActivities.followSweep({ sweep, hosts });
  await githubActivities.concludeSweep({ sweep, ...ended });
}
