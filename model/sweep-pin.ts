/**
 * What a sweep keeps for its whole life, in the results store: enough to go on days later, in another workflow, by another
 * version, with the same points, order, image and facts.
 */

import type { PackedPlan } from "#model/packed-plan";
import type { PreparedEnvironment } from "#model/run";

export interface SweepPin {
  /** The spec is the sweep's `specJson`. */
  readonly plan: Omit<PackedPlan, "spec">;
  /** Of spec and plan, as they were when the sweep was queued. */
  readonly configHash: string;
  /** `PROTOCOL_VERSION`: what worker and node image say to each other. */
  readonly protocol: number;
  /** Commit of the checkout that queued it, or "". */
  readonly sourceSha: string;
  readonly priority: number;
  /** By name, in the spec's order; empty until they are prepared. */
  readonly environments: readonly PreparedEnvironment[];
}
