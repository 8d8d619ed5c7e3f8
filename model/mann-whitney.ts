/**
 * The Mann-Whitney U test: do two samples come from the same distribution? By ranks, so that a handful of values, skewed by
 * whatever disturbed them, is enough and no shape is assumed.
 *
 * @see Mann & Whitney 1947, "On a Test of Whether one of Two Random Variables is Stochastically Larger than the Other";
 *   ties: Klotz 1966, "The Wilcoxon, Ties, and the Computer". Exact up to the sample sizes at which Go's benchstat is.
 */

const EXACT_MOST = { untied: 50, tied: 25 } as const;

export interface MannWhitney {
  /** Of the first sample: in how many of the pairs its value is the larger; a tie counts half. */
  readonly u: number;
  /** Two-sided, 0..1. 1 where all values are equal. */
  readonly p: number;
}

/** @throws {RangeError} Where a sample has no values. */
export function mannWhitney(a: readonly number[], b: readonly number[]): MannWhitney {
  if (a.length === 0 || b.length === 0) throw new RangeError("no values: a sample of nothing cannot be compared");
  const groups = tiedGroups(a, b);
  const rankSum2 = groups.reduce((sum, { inA, rank2 }) => sum + inA * rank2, 0);
  const u = (rankSum2 - a.length * (a.length + 1)) / 2;
  return { u, p: groups.length === 1 ? 1 : pValue(u, rankSum2, groups, a.length, b.length) };
}

/** The least p that samples of these sizes can reach: above 0.05, no difference can be shown whatever they hold. */
export function leastP(sizeA: number, sizeB: number): number {
  let orders = 1;
  for (let i = 1; i <= sizeA; i++) orders *= (sizeB + i) / i;
  return Math.min(1, 2 / orders);
}

/** Equal values of both samples together. */
interface TiedGroup {
  readonly size: number;
  readonly inA: number;
  /** Twice the rank they share, which makes it a whole number. */
  readonly rank2: number;
}

function tiedGroups(a: readonly number[], b: readonly number[]): TiedGroup[] {
  const counts = new Map<number, { size: number; inA: number }>();
  for (const value of [...a, ...b].sort((x, y) => x - y)) counts.set(value, { size: 0, inA: 0 });
  for (const value of a) tally(counts, value).inA++;
  for (const value of [...a, ...b]) tally(counts, value).size++;
  let before = 0;
  return [...counts.values()].map(({ size, inA }) => {
    const rank2 = 2 * before + size + 1;
    before += size;
    return { size, inA, rank2 };
  });
}

function tally(counts: Map<number, { size: number; inA: number }>, value: number): { size: number; inA: number } {
  const count = counts.get(value);
  if (count === undefined) throw new RangeError(`not a number that has a rank: ${value}`);
  return count;
}

function pValue(u: number, rankSum2: number, groups: readonly TiedGroup[], sizeA: number, sizeB: number): number {
  const isTied = groups.some(({ size }) => size > 1);
  const most = isTied ? EXACT_MOST.tied : EXACT_MOST.untied;
  return sizeA <= most && sizeB <= most ? exactP(rankSum2, groups, sizeA) : approximateP(u, groups, sizeA, sizeB);
}

/** Over all ways to deal the ranks: the share that is at least as far from the middle on its side, doubled. */
function exactP(rankSum2: number, groups: readonly TiedGroup[], sizeA: number): number {
  const ways = waysByRankSum(groups, sizeA);
  const share = (isFar: (sum2: number) => boolean): number =>
    ways.reduce((sum, count, sum2) => (isFar(sum2) ? sum + count : sum), 0) /
    ways.reduce((sum, count) => sum + count, 0);
  return Math.min(
    1,
    2 *
      Math.min(
        share((sum2) => sum2 <= rankSum2),
        share((sum2) => sum2 >= rankSum2),
      ),
  );
}

/** How many of the ways to choose `sizeA` of all values give each doubled rank sum, which is the index. */
function waysByRankSum(groups: readonly TiedGroup[], sizeA: number): Float64Array {
  const most = groups.reduce((sum, { size, rank2 }) => sum + size * rank2, 0);
  const ways = Array.from({ length: sizeA + 1 }, () => new Float64Array(most + 1));
  row(ways, 0)[0] = 1;
  for (const rank2 of groups.flatMap(({ size, rank2: shared }) => Array<number>(size).fill(shared))) {
    for (let chosen = sizeA; chosen > 0; chosen--) {
      const [target, source] = [row(ways, chosen), row(ways, chosen - 1)];
      for (let sum2 = most; sum2 >= rank2; sum2--) target[sum2] = (target[sum2] ?? 0) + (source[sum2 - rank2] ?? 0);
    }
  }
  return row(ways, sizeA);
}

function row(ways: readonly Float64Array[], index: number): Float64Array {
  const found = ways[index];
  if (found === undefined) throw new RangeError(`no sums of ${index} ranks`);
  return found;
}

/** Normal approximation, corrected for ties and for U's whole steps. */
function approximateP(u: number, groups: readonly TiedGroup[], sizeA: number, sizeB: number): number {
  const all = sizeA + sizeB;
  const ties = groups.reduce((sum, { size }) => sum + size ** 3 - size, 0);
  const deviation = Math.sqrt((sizeA * sizeB * (all + 1 - ties / (all * (all - 1)))) / 12);
  const distance = Math.abs(u - (sizeA * sizeB) / 2);
  return Math.min(1, 2 * upperTail(Math.max(0, distance - 0.5) / deviation));
}

/**
 * The standard normal distribution's share above z ≥ 0, to seven digits.
 * @see Abramowitz & Stegun 1964, 26.2.17
 */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const polynomial = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
}
