/** A copy of an untrusted input that is safe to check and to show: no reserved keys, no secrets, not deep. */

import type { InputIssue } from "#model/errors";
import { formatPath, isMap } from "#model/field-path";
import type { FieldPath } from "#model/field-path";

const RESERVED_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
const SECRET_KEY = /pass(?:word|wd|phrase)|secret|token|credential|(?:api|private)[_-]?key/i;
const URL_WITH_PASSWORD = /:\/\/[^/\s@]*:[^/\s@]*@/;
const HIDDEN = "(not shown)";
/** The deepest place of a spec is a bound of a threshold, three maps down. */
const MAX_DEPTH = 8;

export interface InertInput {
  readonly value: unknown;
  readonly issues: readonly InputIssue[];
}

export const isSecretKey = (key: string): boolean => SECRET_KEY.test(key);

/** By its name, as `TEMPORAL_API_KEY`, `TEMPORAL_GRPC_META_AUTHORIZATION`, `TEMPORAL_TLS_CLIENT_KEY_DATA`. */
export const isSecretVariable = (name: string): boolean =>
  isSecretKey(name) || /authorization|_auth$|key_data$/i.test(name);

/** Secrets are replaced in the copy, so that no message made from it can echo one. */
export function makeInert(input: unknown): InertInput {
  const issues: InputIssue[] = [];
  const value = copy(input, [], issues);
  return { value, issues };
}

function copy(value: unknown, path: FieldPath, issues: InputIssue[]): unknown {
  if (path.length > MAX_DEPTH) {
    issues.push({ field: formatPath(path.slice(0, 3)), value: HIDDEN, rule: "nested too deeply" });
    return undefined;
  }
  if (typeof value === "string" && URL_WITH_PASSWORD.test(value)) return hideSecret(path, issues);
  if (Array.isArray(value)) return value.map((item: unknown, i) => copy(item, [...path, i], issues));
  if (!isMap(value)) return value;

  const map: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const itemPath = [...path, key];
    if (RESERVED_KEYS.has(key)) {
      issues.push({ field: formatPath(itemPath), value: key, rule: "reserved key", hint: "remove it" });
    } else {
      map[key] = isSecretKey(key) ? hideSecret(itemPath, issues) : copy(item, itemPath, issues);
    }
  }
  return map;
}

function hideSecret(path: FieldPath, issues: InputIssue[]): string {
  const rule = "no secret belongs in a spec; use a secret file 0600";
  issues.push({ field: formatPath(path), value: HIDDEN, rule, hint: "value not echoed" });
  return HIDDEN;
}
