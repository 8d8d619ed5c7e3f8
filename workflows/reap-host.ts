/** One pass of the reaper over a host, started by the host's schedule. */

import { ledgerActivities, reaperActivities } from "#workflows/step-options";

/** What cannot be removed now is tried again by the next pass. */
export async function reapHostWorkflow({ host }: { host: string }): Promise<void> {
  const { remainingRunIds } = await reaperActivities(host).reapHost({ host });
  await ledgerActivities.settleLedger({ host, remainingRunIds });
}
