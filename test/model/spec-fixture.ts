/** A small spec as a reader makes it, for tests that change one thing about it. */

import { InputError } from "#model/errors";
import type { InputIssue } from "#model/errors";
import { parseSpec } from "#model/parse-spec";
import { DEFAULT_LIMITS } from "#model/spec-schema";
import type { SpecLimits } from "#model/spec-schema";
import type { Spec } from "#model/spec";

export const containers = { provider: "docker", cpus: 1, memory: "512MiB" };

const small = {
  version: 1,
  name: "small",
  environments: { containers },
  nodes: 4,
  rate: 6000,
  duration: "20s",
};

/** @param change - Keys that take the place of the small spec's; `undefined` removes one. */
export function rawSpec(change: Record<string, unknown> = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...small, ...change }).filter(([, value]) => value !== undefined));
}

export const specOf = (change: Record<string, unknown> = {}, limits: SpecLimits = DEFAULT_LIMITS): Spec =>
  parseSpec(rawSpec(change), limits);

export function issuesOf(make: () => unknown): readonly InputIssue[] {
  try {
    make();
  } catch (error) {
    if (error instanceof InputError) return error.issues;
    throw error;
  }
  return [];
}

/** The lines a user sees. */
export function linesOf(make: () => unknown): string[] {
  const issues = issuesOf(make);
  return issues.length === 0 ? [] : new InputError(issues).message.split("\n");
}
