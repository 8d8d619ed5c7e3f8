/** Axes that know where a value lands in pixels, so that marks can stand beside each other without chance. */

import { formatCount } from "#report/format";

export interface Axis {
  readonly scale: { readonly type: "linear" | "log" | "symlog"; readonly constant?: number };
  readonly domain: readonly [number, number];
  readonly ticks: readonly number[];
  /** The value that lands `px` pixels from where `value` does, towards the end of the axis. */
  readonly shift: (value: number, px: number) => number;
  /** Pixels between two values. */
  readonly distance: (from: number, to: number) => number;
}

interface Projection {
  readonly scale: Axis["scale"];
  readonly to: (value: number) => number;
  readonly from: (position: number) => number;
}

const LINEAR: Projection = { scale: { type: "linear" }, to: (value) => value, from: (position) => position };
const LOG: Projection = { scale: { type: "log" }, to: Math.log, from: Math.exp };
const symlog = (constant: number): Projection => ({
  scale: { type: "symlog", constant },
  to: (value) => Math.sign(value) * Math.log1p(Math.abs(value) / constant),
  from: (position) => Math.sign(position) * Math.expm1(Math.abs(position)) * constant,
});

/** A factor's values, at least one, each with a tick; logarithmic where they span more than ten times. */
export function factorAxis(values: readonly number[], lengthPx: number, paddingPx: number): Axis {
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  const projection = least > 0 && greatest > 10 * least ? LOG : LINEAR;
  const [start, end] = [projection.to(least), projection.to(greatest)];
  if (start === end) return axisOf(projection, [start - 0.5, end + 0.5], lengthPx, values);
  const padding = ((end - start) * paddingPx) / (lengthPx - 2 * paddingPx);
  return axisOf(projection, [start - padding, end + padding], lengthPx, values);
}

/**
 * A measure, zero included. Where most values are small beside the largest, logarithmic, but linear below `linearBelow`:
 * figures near zero, or below it, stay readable beside a saturated arm.
 * @param reservePx - Kept free at the lower end.
 */
export function measureAxis(values: readonly number[], linearBelow: number, lengthPx: number, reservePx: number): Axis {
  const sizes = values.map(Math.abs).toSorted((a, b) => a - b);
  const lowerQuartile = sizes[Math.floor(sizes.length / 4)] ?? 0;
  const [least, greatest] = [Math.min(0, ...values), Math.max(0, ...values)];
  const isSkewed = (sizes.at(-1) ?? 0) > 10 * Math.max(lowerQuartile, linearBelow);
  const projection = isSkewed ? symlog(linearBelow) : LINEAR;
  const [start, end] = [projection.to(least), projection.to(greatest) || projection.to(linearBelow)];
  const headroomPx = 22;
  const perPx = (end - start) / (lengthPx - reservePx - headroomPx);
  const ticks = isSkewed ? decadeTicks(least, greatest, linearBelow) : evenTicks(least, greatest || linearBelow);
  return axisOf(projection, [start - reservePx * perPx, end + headroomPx * perPx], lengthPx, ticks);
}

/** `5k`, `240k`: short enough to stand beside each other under an axis. */
export const shortCount = (value: number): string =>
  value >= 1000 && value % 100 === 0 ? `${formatCount(value / 1000)}k` : formatCount(value);

function axisOf(projection: Projection, ends: [number, number], lengthPx: number, ticks: readonly number[]): Axis {
  const { scale, to, from } = projection;
  const perPx = (ends[1] - ends[0]) / lengthPx;
  return {
    scale,
    domain: [from(ends[0]), from(ends[1])],
    ticks,
    shift: (value, px) => from(to(value) + px * perPx),
    distance: (one, other) => Math.abs(to(other) - to(one)) / perPx,
  };
}

/** 0, then 1 and 3 of every decade from `linearBelow` on, on both sides of zero as far as there are values. */
function decadeTicks(least: number, greatest: number, linearBelow: number): number[] {
  const sizes: number[] = [];
  for (let decade = linearBelow; decade <= Math.max(greatest, -least); decade *= 10) sizes.push(decade, 3 * decade);
  const ticks = [...sizes.map((size) => -size), 0, ...sizes].map((tick) => Number(tick.toPrecision(3)));
  return ticks.filter((tick) => tick >= least && tick <= greatest * 1.05);
}

/** About five round ones. */
function evenTicks(least: number, greatest: number): number[] {
  const rough = (greatest - least) / 5;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((factor) => factor * magnitude >= rough) ?? 10) * magnitude;
  const first = Math.ceil(least / step);
  const count = Math.floor(greatest / step) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
