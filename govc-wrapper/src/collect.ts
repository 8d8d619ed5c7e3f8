/** Properties of objects, as `object.collect` reads them: by reference or by type, so that no name is ever a pattern. */

import { z } from "zod";
import type { Caller } from "./caller.ts";
import type { CallOptions } from "./options.ts";
import type { ObjectType, Ref } from "./references.ts";

const MANAGED_OBJECT = z
  .object({ type: z.string(), value: z.string() })
  .transform(({ type, value }) => `${type}:${value}`);

/** A reference whose type the caller knows. */
export function refTo<Type extends ObjectType>() {
  return MANAGED_OBJECT.transform((ref) => ref as Ref<Type>);
}

const CHANGES = z.array(z.object({ name: z.string(), val: z.unknown().optional() }));
const UPDATE = z.object({ kind: z.string().default("enter"), obj: MANAGED_OBJECT, changeSet: CHANGES.nullish() });

/** An object's properties by their path, and its reference as `ref`. What the host did not send is missing. */
export type Properties = Readonly<Record<string, unknown>>;

/** Of all objects of a type, wherever they are in the datacenter, or in the inventory where none was named. */
export async function collectAll(
  caller: Caller,
  type: ObjectType,
  paths: readonly string[],
  call: CallOptions,
): Promise<Properties[]> {
  // Without a limit govc waits for ever for the first object of a type that has none. This one it rounds down to 0, which
  // asks the host for what there is now and for no change of it.
  const command = { name: "object.collect", flags: { type, wait: "1ms" }, operands: [caller.root, ...paths] };
  const found = new Map<string, Properties>();
  for (const { kind, obj, changeSet } of await caller.readAll(command, UPDATE, call)) {
    // What happens while govc reads follows as updates of its own.
    if (kind === "leave") found.delete(obj);
    else found.set(obj, { ...found.get(obj), ...propertiesOf(obj, changeSet ?? []) });
  }
  return [...found.values()];
}

/** @throws {GovcError} `not found` */
export async function collectOne(
  caller: Caller,
  ref: Ref,
  paths: readonly string[],
  call: CallOptions,
): Promise<Properties> {
  const changes = await caller.read({ name: "object.collect", operands: [ref, ...paths] }, CHANGES, call);
  return propertiesOf(ref, changes);
}

function propertiesOf(ref: string, changes: z.output<typeof CHANGES>): Properties {
  return { ref, ...Object.fromEntries(changes.map(({ name, val }) => [name, val])) };
}
