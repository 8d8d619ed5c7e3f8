/**
 * What single values of a spec look like, as zod types. A message is `rule` or `rule; hint`: `parseSpec` takes it apart.
 * Types that read a unit give plain numbers in the unit their field in `model/spec.ts` ends with.
 */

import { z } from "zod";
import { NAME_PATTERN } from "#model/ids";
import type { Threshold } from "#model/spec";
import { joinParts, suggest } from "#model/suggest";
import { parseDurationSec, parseMemoryMib } from "#model/units";

/** What zod hands to a function that words an error. */
interface Refused {
  readonly input?: unknown;
}

/** `aboveMax` words the refusal where the upper bound is not the field's own. */
export function integer(range: { min: number; max: number; rule?: string; aboveMax?: string }) {
  const { min, max } = range;
  const rule = range.rule ?? `must be an integer ${groupDigits(min)}..${groupDigits(max)}`;
  return z
    .int({ error: ({ input }: Refused) => integerProblem(input, rule) })
    .min(min, rule)
    .max(max, range.aboveMax ?? rule);
}

function integerProblem(input: unknown, rule: string): string {
  if (input === undefined) return `required; ${rule}`;
  if (typeof input === "bigint" || Number.isInteger(input)) return `not a safe integer; ${rule}`;
  const isNumberLike = typeof input === "string" ? /^\s*[-+.]?\d/.test(input) : Number.isFinite(input);
  return isNumberLike
    ? `decimal integer only, no exponent/hex/blank; ${rule}`
    : `wrong type, expected integer; ${rule}`;
}

export function decimal(range: { min: number; max: number }) {
  const rule = `must be a number ${range.min}..${range.max}`;
  const typed = z.number({
    error: ({ input }: Refused) => joinParts(input === undefined ? "required" : undefined, rule),
  });
  return typed.min(range.min, rule).max(range.max, rule);
}

export function choice<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, {
    error: ({ input }: Refused) => joinParts(`one of ${values.join(", ")}`, suggest(input, values)),
  });
}

const DURATION_TEXT = /^\d{1,9}(\.\d{1,3})?(ms|s|m|h)$/;

/** @param allowed - The range in words, such as `max 24 h`. */
export function duration(range: { minSec: number; maxSec: number; allowed: string }) {
  const rule = `unit required (ms,s,m,h), such as 60s; ${range.allowed}`;
  return z
    .string({ error: rule })
    .regex(DURATION_TEXT, rule)
    .transform((text) => parseDurationSec(text) ?? Number.NaN)
    .pipe(z.number({ error: rule }).min(range.minSec, range.allowed).max(range.maxSec, range.allowed))
    .meta({ title: "duration" });
}

/** A duration that may be a bare `0`: nothing has no unit. */
export function durationOrZero(range: { maxSec: number; allowed: string }) {
  return z.preprocess((value) => (value === 0 ? "0s" : value), duration({ minSec: 0, ...range }));
}

const MEMORY_TEXT = /^\d{1,9}(MiB|GiB)$/;

export function memory(range: { minMib: number; maxMib: number; allowed: string }) {
  const rule = `unit required (MiB,GiB), such as 512MiB; ${range.allowed}`;
  return z
    .string({ error: ({ input }: Refused) => joinParts(input === undefined ? "required" : undefined, rule) })
    .regex(MEMORY_TEXT, rule)
    .transform((text) => parseMemoryMib(text) ?? Number.NaN)
    .pipe(z.number({ error: rule }).min(range.minMib, range.allowed).max(range.maxMib, range.allowed))
    .meta({ title: "memory" });
}

const NAME_RULE = "pattern [a-z0-9-]{2,32}, no dash at either end; glob and path characters are forbidden";

export const nameText = () => z.string({ error: NAME_RULE }).regex(NAME_PATTERN, NAME_RULE).meta({ title: "name" });

const IMAGE_TEXT = /^(?:[a-z0-9][a-z0-9._:/-]{0,255}@)?(?:sha256:)?[0-9a-f]{64}$/;
const IMAGE_RULE = "a repository digest (name@sha256:…) or a local image id (64 hex)";

export const imageText = () => z.string({ error: IMAGE_RULE }).regex(IMAGE_TEXT, IMAGE_RULE).meta({ title: "image" });

export const addressText = () =>
  z.union([z.ipv4(), z.ipv6()], { error: "an IPv4 or IPv6 address" }).meta({ title: "address" });

const BOUND_TEXT = /^(<=?|>=?) ?(-?\d{1,9}(?:\.\d{1,6})?)$/;
const BOUND_RULE = 'a comparison and a number, such as "< 5"';

/** `< 5` as its comparison and its bound. */
export function bound() {
  return z
    .string({ error: BOUND_RULE })
    .regex(BOUND_TEXT, BOUND_RULE)
    .transform((text): Pick<Threshold, "comparison" | "bound"> => {
      const [, comparison, number] = BOUND_TEXT.exec(text) ?? [];
      return { comparison: comparison as Threshold["comparison"], bound: Number(number) };
    })
    .meta({ title: "bound" });
}

/** An axis of the matrix, where there is one: at least one value, none twice. */
export function axis<Value extends z.ZodType>(value: Value) {
  return z
    .array(value, { error: "must be a list, such as [2, 4]" })
    .min(1, "must have at least one value")
    .refine((values) => duplicatesOf(values).length === 0, {
      error: ({ input }: Refused) => `duplicate values: ${duplicatesOf(input as readonly unknown[]).join(", ")}`,
    })
    .optional();
}

const duplicatesOf = (values: readonly unknown[]): readonly unknown[] => [
  ...new Set(values.filter((value, i) => values.indexOf(value) !== i)),
];

/** `10000000` → `10 000 000`. */
export const groupDigits = (count: number): string => String(count).replaceAll(/\B(?=(\d{3})+(?!\d))/g, " ");
