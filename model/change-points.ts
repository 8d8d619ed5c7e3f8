/**
 * Where in a series of nights something changed for good: E-divisive means, which compares all values before a point with
 * those after it, and assumes no distribution. An outlier of one night is no change.
 *
 * @see Matteson & James 2014, "A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data", Journal of
 *   the American Statistical Association 109(505); for benchmarks: Daly et al. 2020, "The Use of Change Point Detection to
 *   Identify Software Performance Regressions in a Continuous Integration System", ICPE '20
 */

import type { RandomGenerator } from "pure-rand/types/RandomGenerator";
import { seededGenerator, shuffled } from "#model/seeded-generator";

/** A multiple of twenty less one, so that p = 0.05 can be met exactly. */
const PERMUTATIONS = 399;

export interface ChangePoint {
  /** Of the first value after the change. */
  readonly index: number;
  /** The divergence of what is before and after it, scaled by their sizes. */
  readonly q: number;
  /** Of the permutation test, 1/400 at the least. */
  readonly p: number;
}

export interface ChangePointOptions {
  /** A change counts where its p is not above. */
  readonly significance?: number;
  /** The fewest values a segment has, `min.size` in R's ecp: with 1, a single outlier at the end may count as a change. */
  readonly segmentLeast?: number;
  /** The same series and seed find the same. */
  readonly seed: number;
}

/** @returns By index. Three values on a side are about the least that can be told from chance. */
export function findChangePoints(
  series: readonly number[],
  { significance = 0.05, segmentLeast = 2, seed }: ChangePointOptions,
): ChangePoint[] {
  const random = seededGenerator(seed);
  const found: ChangePoint[] = [];
  for (;;) {
    const segments = segmentsBetween(found, series);
    const candidate = likeliest(segments, segmentLeast);
    if (candidate === undefined) return found;
    const p = permutationP(candidate.q, segments, { segmentLeast, significance, random });
    if (p > significance) return found;
    found.push({ ...candidate, p });
    found.sort((a, b) => a.index - b.index);
  }
}

interface Segment {
  readonly start: number;
  readonly values: readonly number[];
}

function segmentsBetween(points: readonly ChangePoint[], series: readonly number[]): Segment[] {
  const starts = [0, ...points.map(({ index }) => index)];
  return starts.map((start, i) => ({ start, values: series.slice(start, starts[i + 1]) }));
}

type Candidate = Pick<ChangePoint, "index" | "q">;

/** The split with the largest divergence in all segments; `undefined` where no segment can be split. */
function likeliest(segments: readonly Segment[], segmentLeast: number): Candidate | undefined {
  let best: Candidate | undefined;
  for (const { start, values } of segments) {
    const candidate = bestSplit(values, segmentLeast);
    if (candidate && candidate.q > (best?.q ?? 0)) best = { index: start + candidate.index, q: candidate.q };
  }
  return best;
}

/**
 * How often chance alone, which shuffles every segment in itself, finds as much. A series without a change, as most are,
 * shows that after a few permutations: then the answer is only known to be above the significance.
 */
function permutationP(
  q: number,
  segments: readonly Segment[],
  { segmentLeast, significance, random }: { segmentLeast: number; significance: number; random: RandomGenerator },
): number {
  let asExtreme = 1; // the series itself is one of its permutations
  const most = significance * (PERMUTATIONS + 1);
  for (let i = 0; i < PERMUTATIONS && asExtreme <= most; i++) {
    const permuted = segments.map(({ start, values }) => ({ start, values: shuffled(values, random) }));
    if ((likeliest(permuted, segmentLeast)?.q ?? 0) >= q) asExtreme++;
  }
  return asExtreme / (PERMUTATIONS + 1);
}

/**
 * The (τ, κ) that maximise Q between values[0..τ) and values[τ..κ): κ keeps a later change from hiding this one.
 * Q = 2/(n+m)·Σ|x−y| − 2m/((n+m)(n−1))·Σ|x−x′| − 2n/((n+m)(m−1))·Σ|y−y′|, equation (6) with α = 1.
 */
export function bestSplit(values: readonly number[], segmentLeast = 1): Candidate | undefined {
  const sums = distanceSums(values);
  let best: Candidate | undefined;
  for (let tau = segmentLeast; tau < values.length; tau++) {
    for (let kappa = tau + segmentLeast; kappa <= values.length; kappa++) {
      const [n, m] = [tau, kappa - tau];
      const between = sums(0, tau, tau, kappa);
      const withinX = n > 1 ? (m / (n - 1)) * sums(0, tau, 0, tau) : 0;
      const withinY = m > 1 ? (n / (m - 1)) * sums(tau, kappa, tau, kappa) : 0;
      const q = (2 * between - withinX - withinY) / (n + m);
      if (q > (best?.q ?? 0)) best = { index: tau, q };
    }
  }
  return best;
}

/** A table of sums, so that Σ|aᵢ − aⱼ| over any rows and columns costs four look-ups. */
function distanceSums(values: readonly number[]) {
  const width = values.length + 1;
  const table = new Float64Array(width * width);
  const at = (row: number, column: number): number => table[row * width + column] as number;
  values.forEach((a, i) =>
    values.forEach((b, j) => {
      table[(i + 1) * width + j + 1] = Math.abs(a - b) + at(i, j + 1) + at(i + 1, j) - at(i, j);
    }),
  );
  return (top: number, bottom: number, left: number, right: number): number =>
    at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left);
}
