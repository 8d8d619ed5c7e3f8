/** What the results store knows of a sweep: where it stands, and all that it needs to go on in another workflow. */

import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { SweepRecord } from "#model/run";
import type { SweepPin } from "#model/sweep-pin";
import type { SweepInput } from "#workflows/messages";
import { storeActivities } from "#workflows/step-options";
import type { SweepJournal } from "#workflows/sweep-journal";

/** What was pinned before stays as it is. */
export async function saveSweep(
  input: SweepInput,
  journal: SweepJournal,
  status: SweepRecord["status"],
  pin?: OpenPin,
): Promise<void> {
  const { sweepId, plan } = input;
  const { startedAt, runsPlanned } = journal;
  const specJson = JSON.stringify(plan.spec);
  const record: SweepRecord = { sweepId, name: plan.spec.name, startedAt, status, specJson, runsPlanned };
  const sweep = pin === undefined ? record : { ...record, pinJson: JSON.stringify(pin) };
  await storeActivities().saveSweep({ sweep });
}

/** What the store seals. */
type OpenPin = Omit<SweepPin, "configHash">;

/** @param journal - Its environments are pinned as far as they are prepared. */
export function pinOf(input: SweepInput, journal: SweepJournal): OpenPin {
  const { plan, sourceSha, sourceShas, pullRequest, priority = 0 } = input;
  const { spec: _, ...tables } = plan;
  return {
    plan: tables,
    protocol: PROTOCOL_VERSION,
    sourceSha,
    ...(sourceShas && { sourceShas }),
    ...(pullRequest && { pullRequest }),
    priority,
    environments: journal.environments,
  };
}
