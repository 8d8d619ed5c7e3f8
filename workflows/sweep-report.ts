/**
 * What people see of a sweep under their pull request, from each time it is begun or resumed to its end. A workflow of its
 * own: GitHub may be away for longer than a sweep lasts, and a sweep owes nothing to GitHub.
 */

import { setHandler } from "@temporalio/workflow";
import type { GithubActivities } from "#activities/index";
import { sweepWorkflowId } from "#model/ids";
import type { SweepReport } from "#model/pull-request";
import { sweepOpenedSignal } from "#workflows/messages";
import { failureOf, requireFailedStep } from "#workflows/run-failure";
import { githubActivities, watchActivities } from "#workflows/step-options";

export async function sweepReportWorkflow(report: SweepReport): Promise<void> {
  let isOpen = true;
  setHandler(sweepOpenedSignal, () => {
    isOpen = true;
  });
  while (isOpen) {
    isOpen = false;
    try {
      await reportSweep(report);
    } catch (error) {
      // A sweep that was resumed meanwhile is shown all the same.
      if (!isOpen) throw error;
      requireFailedStep(error);
    }
  }
}

/** Of a sweep that has ended meanwhile the same is said again, which changes nothing. */
async function reportSweep({ sweep, hosts }: SweepReport): Promise<void> {
  const ended = await followToEnd({ sweep, hosts });
  try {
    await githubActivities.concludeSweep({ sweep, ...ended });
  } catch (error) {
    requireFailedStep(error);
    // A check is concluded whatever happens.
    const { kind, message } = failureOf(error, {}, false);
    await githubActivities.closeCheck({ sweep, end: ended.end, why: `${kind}: ${message}` });
    throw error;
  }
}

/** Where it cannot be shown how the sweep goes on, it can be how it ended. */
async function followToEnd(report: SweepReport): ReturnType<GithubActivities["followSweep"]> {
  try {
    return await githubActivities.followSweep(report);
  } catch (error) {
    requireFailedStep(error);
    await watchActivities.awaitWorkflowsEnded({ workflowIds: [sweepWorkflowId(report.sweep.sweepId)] });
    return githubActivities.followSweep(report);
  }
}
