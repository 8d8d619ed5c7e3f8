/**
 * Statistics of repetitions. A handful of them, skewed by whatever disturbed them, so everything here is by rank: no mean,
 * no standard deviation, no assumed distribution.
 */

/** A confidence interval of the median. */
export interface MedianInterval {
  readonly lower: number;
  readonly upper: number;
  /** The probability that it really has, at least what was asked: 0.96875 for six values and 95 %. */
  readonly confidence: number;
}

/**
 * @param p - 0..1.
 * @returns The quantile by Hyndman & Fan's definition 7, the default of R and NumPy, so that both find the same figure.
 * @throws {RangeError} If there are no values.
 * @see Hyndman & Fan 1996, "Sample Quantiles in Statistical Packages", The American Statistician 50(4)
 */
export function quantile(values: readonly number[], p: number): number {
  if (values.length === 0) throw new RangeError("no values: a quantile of nothing is not a number");
  const sorted = ascending(values);
  const position = (sorted.length - 1) * p;
  const below = Math.floor(position);
  const lower = valueAt(sorted, below);
  const upper = valueAt(sorted, Math.min(below + 1, sorted.length - 1));
  // Infinities leave nothing to interpolate: ∞ − ∞ and 0·∞ are no numbers.
  return position === below || lower === upper ? lower : lower + (upper - lower) * (position - below);
}

/** @throws {RangeError} If there are no values. */
export const median = (values: readonly number[]): number => quantile(values, 0.5);

/**
 * The narrowest interval between the k-th smallest and the k-th largest value that holds the median of the distribution
 * with the wanted confidence, whatever that distribution is.
 * @returns `undefined` where even smallest to largest is not enough: below six values for 95 %.
 * @see Conover 1999, "Practical Nonparametric Statistics", 3.2; David & Nagaraja 2003, "Order Statistics", 7.1
 */
export function medianInterval(values: readonly number[], wanted = 0.95): MedianInterval | undefined {
  const n = values.length;
  const sorted = ascending(values);
  let interval: MedianInterval | undefined;
  let log = -n * Math.LN2; // of the probability that exactly `rank − 1` of n values lie below the median
  let tail = 0;
  for (let rank = 1; rank <= n / 2; rank++) {
    tail += Math.exp(log);
    const confidence = 1 - 2 * tail;
    if (confidence < wanted) break;
    interval = { lower: valueAt(sorted, rank - 1), upper: valueAt(sorted, n - rank), confidence };
    log += Math.log((n - rank + 1) / rank);
  }
  return interval;
}

const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

function valueAt(sorted: readonly number[], index: number): number {
  const value = sorted[index];
  if (value === undefined) throw new RangeError(`no value at rank ${index + 1} of ${sorted.length}`);
  return value;
}
