/** How messages name a place in an input: `environments.vms.memory`, `matrix.nodes[1]`. */

import { showValue } from "#model/errors";

export type FieldPath = readonly PropertyKey[];

/** Keys with unusual characters are quoted and escaped: a name that was made up cannot steer a terminal. */
export function formatPath(path: FieldPath): string {
  const text = path.map((key) => {
    if (typeof key === "number") return `[${key}]`;
    return typeof key === "string" && /^[\w-]{1,64}$/.test(key) ? `.${key}` : `[${showValue(String(key))}]`;
  });
  return text.join("").replace(/^\./, "") || "spec";
}

/** @returns `undefined` where there is no such place. Reads own properties only. */
export function valueAt(input: unknown, path: FieldPath): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      isMap(value) || Array.isArray(value) ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined,
    input,
  );
}

export const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
