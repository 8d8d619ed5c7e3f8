/**
 * What a sweep keeps for its whole life, in the results store: enough to go on days later, in another workflow, by another
 * version, with the same points, order, image and facts.
 */

import { configHashOf } from "#model/config-hash";
import type { PackedPlan } from "#model/packed-plan";
import type { SweepOnPullRequest } from "#model/pull-request";
import type { PreparedEnvironment, SweepRecord } from "#model/run";
import type { Spec } from "#model/spec";

export interface SweepPin {
  /** The spec is the sweep's `specJson`. */
  readonly plan: Omit<PackedPlan, "spec">;
  /** Of spec and plan, as they were first stored; "" where an older version left it out. */
  readonly configHash: string;
  /** `PROTOCOL_VERSION`: what worker and node image say to each other. */
  readonly protocol: number;
  /** Commit of the checkout that queued it, or "". */
  readonly sourceSha: string;
  /** By environment: what its image was built from, where that is another commit. */
  readonly sourceShas?: Readonly<Record<string, string>>;
  /** Under which it is shown. */
  readonly pullRequest?: SweepOnPullRequest;
  readonly priority: number;
  /** By name, in the spec's order; empty until they are prepared. */
  readonly environments: readonly PreparedEnvironment[];
}

/** @returns The plan as it is stored: the spec beside its pin. */
export const planOf = ({ specJson }: SweepRecord, { plan }: Pick<SweepPin, "plan">): PackedPlan => ({
  spec: JSON.parse(specJson) as Spec,
  ...plan,
});

/** Workflows cannot hash: a pin gets its hash on its way into the store, whoever began the sweep. */
export function sealPin(record: SweepRecord): SweepRecord {
  if (record.pinJson === undefined) return record;
  const pin = JSON.parse(record.pinJson) as Omit<SweepPin, "configHash">;
  const sealed: SweepPin = { ...pin, configHash: configHashOf(planOf(record, pin)) };
  return { ...record, pinJson: JSON.stringify(sealed) };
}
