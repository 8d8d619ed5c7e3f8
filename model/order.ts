/**
 * In which order runs are measured. `interleaved` is a randomised complete block design: each repetition is a block that
 * has every point once, in a permutation of its own, so that what drifts with time (heat, other load, caches) falls on all
 * arms alike.
 *
 * @see Montgomery, "Design and Analysis of Experiments", chapter 4
 */

import type { PlannedRun } from "#model/plan";
import { seededGenerator, shuffled } from "#model/seeded-generator";
import type { Order } from "#model/spec";

export interface OrderRequest {
  /** Indices of the points, in declared order. */
  readonly points: readonly number[];
  readonly repetitions: number;
  readonly order: Order;
  /** Unsigned, 53 bits at most. */
  readonly seed: number;
}

/** `declared` measures point after point, each with all its repetitions. */
export function orderRuns({ points, repetitions, order, seed }: OrderRequest): PlannedRun[] {
  const blocks = Array.from({ length: repetitions }, (_, i) => i + 1);
  if (order === "declared") return points.flatMap((point) => blocks.map((repetition) => ({ point, repetition })));
  const random = seededGenerator(seed);
  return blocks.flatMap((repetition) => shuffled(points, random).map((point) => ({ point, repetition })));
}
