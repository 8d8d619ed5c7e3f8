/** Chance that can be repeated: xoroshiro128+ of pure-rand, published, integer arithmetic only, the same everywhere. */

import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";
import type { RandomGenerator } from "pure-rand/types/RandomGenerator";

/**
 * All 53 bits count; for seeds below 2³² it is the state that the library itself derives.
 * @param seed - Unsigned, 53 bits at most.
 */
export function seededGenerator(seed: number): RandomGenerator {
  const [high, low] = [Math.floor(seed / 2 ** 32), seed >>> 0];
  return xoroshiro128plusFromState([-1, ~low, low | 0, high]);
}

/** Fisher and Yates, Durstenfeld's form. */
export function shuffled<Item>(items: readonly Item[], random: RandomGenerator): Item[] {
  const result = [...items];
  for (let last = result.length - 1; last > 0; last--) {
    const other = uniformInt(random, 0, last);
    [result[last], result[other]] = [result[other] as Item, result[last] as Item];
  }
  return result;
}
