/** govc's JSON in one form. Before 0.30 it wrote `VirtualMachines`, since then `virtualMachines`. */

import { z } from "zod";

/** Keys with a small first letter, all the way down. Values, such as the key of an `extraConfig` entry, stay as they are. */
export function withSmallKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSmallKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [startSmall(key), withSmallKeys(inner)]));
}

const startSmall = (key: string): string => key.charAt(0).toLowerCase() + key.slice(1);

/** A list where govc writes `null`, nothing or, for a property's value, `{"_value": […]}` or `{"optionValue": […]}`. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.preprocess(toList, z.array(item));
}

function toList(value: unknown): unknown {
  if (value === null || value === undefined) return [];
  if (Array.isArray(value) || typeof value !== "object") return value;
  const lists = Object.values(value).filter((inner) => inner !== null && typeof inner === "object");
  return lists.length === 0 ? [] : lists.length === 1 ? lists[0] : value;
}

/** A property that a host leaves out, or writes as `null`. */
export function maybe<Inner extends z.ZodType>(inner: Inner) {
  return inner.nullish().transform((value) => value ?? undefined);
}

/** One document, or one a line, as `object.collect` prints them. */
export function parseDocuments(text: string): unknown[] {
  const isOneALine = text.trimEnd().includes("\n") && /^\{.*\}\n/.test(text);
  if (text.trim() === "") return [];
  return isOneALine
    ? text
        .trimEnd()
        .split("\n")
        .map((line): unknown => JSON.parse(line))
    : [JSON.parse(text)];
}
