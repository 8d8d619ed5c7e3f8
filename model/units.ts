/**
 * Text with a unit, as users write it, to plain numbers and back. Numbers inside Meshbench are always in the unit
 * their name ends with: `durationSec`, `memoryMib`, `p99Ms`.
 */

const SECONDS_PER = { ms: 0.001, s: 1, m: 60, h: 3600 } as const;
const MIB_PER = { MiB: 1, GiB: 1024 } as const;

/** @returns Seconds, to the millisecond, or `undefined` where the text is no number with one of the units ms, s, m, h. */
export function parseDurationSec(text: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text);
  if (!match?.[1] || !match[2]) return undefined;
  const sec = Number(match[1]) * SECONDS_PER[match[2] as keyof typeof SECONDS_PER];
  // Floating point makes 3960.0000000000005 of 1.1h.
  return Math.round(sec * 1000) / 1000;
}

/** @returns MiB, or `undefined` where the text is no whole number with one of the units MiB, GiB. */
export function parseMemoryMib(text: string): number | undefined {
  const match = /^(\d{1,9})(MiB|GiB)$/.exec(text);
  if (!match?.[1] || !match[2]) return undefined;
  return Number(match[1]) * MIB_PER[match[2] as keyof typeof MIB_PER];
}

/** `90` → `1m 30s`, `0.25` → `250ms`; whole seconds from one second on. */
export function formatDuration(sec: number): string {
  if (sec < 1) return `${Math.round(sec * 1000)}ms`;
  const whole = Math.round(sec);
  const parts = [
    [Math.floor(whole / 3600), "h"],
    [Math.floor((whole % 3600) / 60), "m"],
    [whole % 60, "s"],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}

/** `512` → `512MiB`, `2048` → `2GiB`. */
export function formatMemory(mib: number): string {
  return mib >= 1024 && mib % 1024 === 0 ? `${mib / 1024}GiB` : `${Math.round(mib)}MiB`;
}
