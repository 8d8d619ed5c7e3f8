/**
 * In which order runs are measured. `interleaved` is a randomised complete block design: each repetition is a block that
 * has every point once, in a permutation of its own, so that what drifts with time (heat, other load, caches) falls on all
 * arms alike. The generator is xoroshiro128+ of pure-rand: published, integer arithmetic only, the same everywhere.
 *
 * @see Montgomery, "Design and Analysis of Experiments", chapter 4
 */

import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";
import type { PlannedRun } from "#model/plan";
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

/** All 53 bits count; for seeds below 2³² it is the state that the library itself derives. */
function seededGenerator(seed: number): RandomGenerator {
  const [high, low] = [Math.floor(seed / 2 ** 32), seed >>> 0];
  return xoroshiro128plusFromState([-1, ~low, low | 0, high]);
}

/** Fisher and Yates, Durstenfeld's form. */
function shuffled<Item>(items: readonly Item[], random: RandomGenerator): Item[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = uniformInt(random, 0, last);
    [result[last], result[other]] = [result[other] as Item, result[last] as Item];
  }
  return result;
}
