/** `meshbench github resume`: takes up one sweep, or all that ended without anybody's wish. */

import { explainFailure } from "#cli/explain-failure";
import { note } from "#cli/output";
import { listSweeps, requireSweepId } from "#cli/results";
import { resumeSweep } from "#cli/resume-sweep";
import { isUnderWay, readStatuses } from "#cli/sweep-status";

/**
 * @param sweepId - "" for all that were interrupted: their workflow is gone, and the store never heard of an end.
 * One that cannot be taken up is named, and keeps no other from it.
 * @returns The exit code of the last one that failed.
 */
export async function resumeInterrupted(sweepId: string): Promise<number> {
  if (sweepId !== "") {
    requireSweepId(sweepId);
    return resumeSweep(sweepId, { onInterrupt: "detach" });
  }
  const open = (await listSweeps()).map(({ sweep }) => sweep).filter(({ status }) => isUnderWay(status));
  const statuses = await readStatuses(open);
  const interrupted = open.filter((_, i) => !isUnderWay(statuses[i] ?? "OPEN"));
  note(interrupted.length === 0 ? "no sweep was interrupted" : `interrupted: ${interrupted.length}`);
  let exitCode = 0;
  for (const { sweepId: id } of interrupted) {
    exitCode = (await resumeSweep(id, { detach: true, onInterrupt: "detach" }).catch(explainFailure)) || exitCode;
  }
  return exitCode;
}
