/** The operator's `hosts.yaml`: which hosts this worker serves, how it reaches them, and what a spec may ask for at most. */

import { isMap, LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";
import { z } from "zod";
import { isPartOfPool } from "#activities/providers/address-pool";
import { parseSubnet } from "#activities/providers/ipv4";
import { InputError } from "#model/errors";
import type { InputIssue } from "#model/errors";
import { formatPath, valueAt } from "#model/field-path";
import { NAME_PATTERN } from "#model/ids";
import { DEFAULT_GUARDS } from "#model/guards";
import { isSecretKey } from "#model/inert-input";
import { NODES_MOST } from "#model/node-tables";
import { DEFAULT_LIMITS } from "#model/spec-schema";
import { suggest } from "#model/suggest";
import { esxiShape } from "#worker/esxi-settings";
import { readPrivateFile } from "#worker/private-file";

const NOT_SHOWN = "(not shown)";

const endpoint = z
  .string("must be an address such as unix:///var/run/docker.sock")
  .refine((url) => !/\/\/[^/]*@/.test(url), "no user or password belongs in an address; value not echoed");

const subnet = z.string("must be a block of 198.18.0.0/15").transform((text, context) => {
  const block = parseSubnet(text);
  if (block && isPartOfPool(block)) return block;
  context.addIssue({
    code: "custom",
    message: "must be a block of 198.18.0.0/15, /24 or larger; such as 198.19.0.0/16",
  });
  return z.NEVER;
});

/** An engine in a VM of this machine, for environments with `inside: vm`: docs/nested.md. */
const engineInVm = z.strictObject({
  endpoint,
  /** The nodes' addresses, which this machine routes to the VM. */
  subnet,
});

/** `auto`: KVM where a guest boots with it, else emulation, which is slow and says nothing about VMs. */
const ACCELERATORS = ["auto", "kvm", "tcg"] as const;

const hostShape = z.strictObject({
  /** Relative to hosts.yaml. Every run's passwords are derived from its content. */
  secret_file: z.string("must be the path of a secret file 0600").min(1, "must be the path of a secret file 0600"),
  docker: z.strictObject({ endpoint, in_vm: engineInVm.optional() }).optional(),
  /** Native nodes on the worker's own machine: `process: {}`. Needs root. */
  process: z.strictObject({}).optional(),
  /** Virtual machines on the worker's own machine: `qemu: {}`. Needs root. */
  qemu: z.strictObject({ accel: z.enum(ACCELERATORS, "one of auto, kvm, tcg").default("auto") }).optional(),
  esxi: esxiShape.optional(),
});

function integer(min: number, max: number) {
  const rule = `must be an integer ${min}..${max}`;
  return z.int(rule).min(min, rule).max(max, rule);
}

const limit = (max: number) => integer(1, max);

const limitsShape = z.strictObject({
  nodes: limit(NODES_MOST).default(DEFAULT_LIMITS.nodes),
  runs: limit(1_000_000).default(DEFAULT_LIMITS.runs),
});

const guardsShape = z.strictObject({
  /** Above it a run is INVALID, or SUSPECT where it was for a while only; percent of all processors. 100: no limit. */
  foreign_cpu_pct: integer(1, 100).default(DEFAULT_GUARDS.foreignCpuPct),
  /** How long a run waits for its host to be quiet. */
  quiet_wait_s: integer(0, 86_400).default(DEFAULT_GUARDS.quietWaitSec),
  /** A node whose timer was silent for longer makes its run INVALID. */
  gap_ms: integer(200, 60_000).default(DEFAULT_GUARDS.gapMs),
});

/** One installation of all that share a Temporal namespace keeps the results; its worker is asked by the others. */
const RESULTS_PLACES = ["here", "elsewhere"] as const;

/** The GitHub App that reports; its key stays on this machine. */
const githubShape = z.strictObject({
  app_id: integer(1, Number.MAX_SAFE_INTEGER),
  /** Relative to hosts.yaml; PEM, 0600. */
  private_key_file: z.string("must be the path of a PEM file 0600").min(1, "must be the path of a PEM file 0600"),
  api_url: z
    .string("must be an address such as https://api.github.com")
    .regex(/^https?:\/\/[^\s@]+$/, "must be an https address without user and password")
    .default("https://api.github.com"),
});

const fileShape = z.strictObject({
  hosts: z.record(z.string().regex(NAME_PATTERN, "a host id is [a-z0-9-]{2,32}"), hostShape),
  limits: limitsShape.prefault({}),
  guards: guardsShape.prefault({}),
  github: githubShape.optional(),
  results: z.enum(RESULTS_PLACES, "one of here, elsewhere").default("here"),
});

export type HostSettings = z.infer<typeof hostShape>;
export type HostsFile = z.infer<typeof fileShape>;

/**
 * @returns `undefined` where there is no such file.
 * @throws {InputError} With every mistake in it, by line and column; no value of a secret is shown.
 */
export function readHostsFile(path: string): HostsFile | undefined {
  const text = readPrivateFile(path, "hosts.yaml");
  return text === undefined ? undefined : parseHostsFile(text, path);
}

/** @throws {InputError} See `readHostsFile`. */
export function parseHostsFile(text: string, file: string): HostsFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = document.errors.map(({ message, pos }) => {
    const { line, col: column } = lines.linePos(pos[0]);
    const rule = `not valid YAML: ${message.split("\n")[0]}`;
    return { field: "hosts.yaml", value: NOT_SHOWN, rule, file, line, column };
  });
  if (broken.length > 0) throw new InputError(broken);

  const input = toPlain(document, file);
  const parsed = fileShape.safeParse(input);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.flatMap((issue) => toFieldIssues(issue, input));
  throw new InputError(issues.map((issue) => toInputIssue(issue, file, placeOf(document, lines, issue.path))));
}

function toPlain(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    throw new InputError([
      { field: "hosts.yaml", value: NOT_SHOWN, rule: "aliases are not supported; write it out", file },
    ]);
  }
}

interface FieldIssue {
  readonly path: readonly PropertyKey[];
  readonly value: unknown;
  readonly rule: string;
  readonly hint?: string;
}

interface Place {
  readonly line: number;
  readonly column: number;
}

function toInputIssue({ path, value, rule, hint }: FieldIssue, file: string, { line, column }: Place): InputIssue {
  return { field: formatPath(path), value, rule, file, line, column, ...(hint !== undefined && { hint }) };
}

function toFieldIssues(issue: z.core.$ZodIssue, input: unknown): FieldIssue[] {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey([...path, key], input));
  const isBadKey = issue.code === "invalid_key";
  const message = isBadKey ? (issue.issues[0]?.message ?? issue.message) : issue.message;
  const [rule = message, hint] = message.split("; ");
  const isHidden = hint === "value not echoed";
  const value = isBadKey ? path.at(-1) : valueAt(input, path);
  return [{ path, value: isHidden ? NOT_SHOWN : value, rule, ...(hint !== undefined && { hint }) }];
}

function unknownKey(path: readonly PropertyKey[], input: unknown): FieldIssue {
  const key = String(path.at(-1));
  if (isSecretKey(key)) {
    const rule = "use a secret file 0600, named by secret_file";
    return { path, value: NOT_SHOWN, rule, hint: "value not echoed" };
  }
  const known = knownKeysAt(path);
  const hint = suggest(key, known) ?? `known: ${known.join(", ")}`;
  return { path, value: valueAt(input, path), rule: "unknown key", hint };
}

/** The keys that may stand beside the last one of the path. */
function knownKeysAt(path: readonly PropertyKey[]): string[] {
  const parent = path.slice(0, -1).reduce<z.core.$ZodType | undefined>(schemaBelow, fileShape);
  const shape = parent && unwrap(parent);
  return shape instanceof z.ZodObject ? Object.keys(shape.shape) : [];
}

function schemaBelow(schema: z.core.$ZodType | undefined, key: PropertyKey): z.core.$ZodType | undefined {
  const shape = schema && unwrap(schema);
  if (shape instanceof z.ZodObject) return (shape.shape as Record<PropertyKey, z.core.$ZodType>)[key];
  return shape instanceof z.ZodRecord ? shape.valueType : undefined;
}

/** Without what makes it optional. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapped =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  return isWrapped ? unwrap(schema.unwrap()) : schema;
}

/** Where the nearest place that exists begins, counted from 1. */
function placeOf(document: Document, lines: LineCounter, path: readonly PropertyKey[]): Place {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const pair = isMap(parent) ? parent.items.find(({ key }) => String(key) === String(path[length - 1])) : undefined;
    const offset = (pair?.key as { range?: readonly number[] } | undefined)?.range?.[0];
    if (offset === undefined) continue;
    const { line, col: column } = lines.linePos(offset);
    return { line, column };
  }
  return { line: 1, column: 1 };
}
