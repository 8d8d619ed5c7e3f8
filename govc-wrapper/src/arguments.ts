/** Options as govc takes them. */

type FlagValue = string | number | boolean | undefined;

/** By name without the dash; a list repeats the flag. */
export type Flags = Readonly<Record<string, FlagValue | readonly string[]>>;

/** `{ c: 2, on: false, pool: undefined }` → `["-c=2", "-on=false"]`. One word each, so that no value is read as an option. */
export function toFlags(flags: Flags): string[] {
  return Object.entries(flags).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return (isList(value) ? value : [value]).map((single) => `-${name}=${single}`);
  });
}

function isList(value: FlagValue | readonly string[]): value is readonly string[] {
  return Array.isArray(value);
}
