/** What a comment on a pull request sets going: who asked, for which commits, and how they stand beside each other. */

import { InputError } from "#model/errors";
import { NAME_PATTERN } from "#model/ids";
import type { RunCommand } from "#model/comment-command";
import type { RunRow } from "#model/result-row";
import type { Spec } from "#model/spec";

export interface RepositoryRef {
  readonly owner: string;
  readonly name: string;
}

/** As GitHub writes it. */
export const fullNameOf = ({ owner, name }: RepositoryRef): string => `${owner}/${name}`;

/** As parameters of GitHub's API have it. */
export const placeOf = ({ owner, name }: RepositoryRef) => ({ owner, repo: name });

/** Not to be seen in a comment or an issue, which is found again by it. */
export const markOf = (key: string): string => `<!-- meshbench:${key} -->`;

export interface PullRequestRef {
  readonly repository: RepositoryRef;
  readonly number: number;
}

/** A comment that passed the gate; everything it depends on is pinned, so that later pushes change nothing of it. */
export interface CommentRequest {
  readonly pullRequest: PullRequestRef;
  /** GitHub's id: one comment, one effect, however often it is delivered. */
  readonly commentId: number;
  /** Login name. */
  readonly author: string;
  /** Commit of the pull request when the gate looked: 40 hex digits. */
  readonly headSha: string;
  /** GitHub's page of the job that brought it to the bench; absent outside of jobs. */
  readonly jobUrl?: string;
}

/** One commit that is measured. */
export interface Arm {
  readonly name: "base" | "head";
  readonly sha: string;
}

/** A sweep that a comment asked for. */
export interface SweepOnPullRequest {
  readonly request: CommentRequest;
  readonly sweepId: string;
  /** As it stood in the comment. */
  readonly spec: string;
  readonly arms: readonly Arm[];
  /** Absent where an older version began the sweep. */
  readonly changes?: SpecChanges;
}

/** What a comment made of its spec. */
export interface SpecChanges {
  /** `key=value` */
  readonly set: readonly string[];
  /** Only these environments. */
  readonly env?: readonly string[];
  /** A node image in place of the commits' own. */
  readonly image?: string;
  /** All that are measured, by their names without the arm's. */
  readonly environments: readonly string[];
}

export type SweepEnd = "done" | "cancelled" | "failed";

/** The workflow that shows a sweep under its pull request, by name for those who only have a client. */
export const SWEEP_REPORT_WORKFLOW = "sweepReportWorkflow";
export const SWEEP_OPENED_SIGNAL = "sweepOpened";

/** Its input. */
export interface SweepReport {
  readonly sweep: SweepOnPullRequest;
  /** Where the sweep may wait in line. */
  readonly hosts: string[];
}

/** One comment, one workflow: the server refuses the second delivery. */
export const commentWorkflowId = ({ pullRequest: { repository, number }, commentId }: CommentRequest): string =>
  `comment-${repository.owner}-${repository.name}-${number}-${commentId}`;

export const reportWorkflowId = (sweepId: string): string => `report-${sweepId}`;

/** Of all sweeps that comments of this repository asked for. */
export const sweepPrefixOf = ({ owner, name }: RepositoryRef): string => `pr-${slug(owner)}-${slug(name)}-`;

/** The same for every delivery of a comment. */
export const commentSweepId = ({ pullRequest: { repository, number }, commentId }: CommentRequest): string =>
  `${sweepPrefixOf(repository)}${number}-${commentId}`;

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 20);

/** One node image for all environments, or one for each, by its name. */
export type ArmImage = string | Readonly<Record<string, string>>;

/** `containers` of the head is measured as `containers-head`. */
export const armEnvironment = (environment: string, arm: Arm["name"]): string => `${environment}-${arm}`;

/**
 * The spec with each environment once for each arm, so that head and base are points of one sweep and its order interleaves
 * them. Tuples are drawn from load and repetition alone: both arms get the same.
 * @param images - By arm: the node image its commit makes.
 * @throws {InputError} Where the name of an environment leaves no room for the arm's.
 */
export function withArms(spec: Spec, images: Readonly<Partial<Record<Arm["name"], ArmImage>>>): Spec {
  const arms = Object.entries(images) as [Arm["name"], ArmImage][];
  const tooLong = spec.environments.filter(({ name }) => !NAME_PATTERN.test(armEnvironment(name, "head")));
  if (tooLong.length > 0) {
    const rule = "at most 27 characters where commits are compared: they are environments NAME-base and NAME-head";
    throw new InputError(tooLong.map(({ name }) => ({ field: `environments.${name}`, value: name, rule })));
  }
  const environments = spec.environments.flatMap((environment) =>
    arms.map(([arm, ofArm]) => {
      const image = typeof ofArm === "string" ? ofArm : ofArm[environment.name];
      const named = { name: armEnvironment(environment.name, arm) };
      return Object.assign({}, environment, named, image === undefined ? {} : { image });
    }),
  );
  return { ...spec, environments };
}

/** The runs of one arm, by the names that its environments have without it. */
export function rowsOfArm(rows: readonly RunRow[], arm: Arm["name"]): RunRow[] {
  const suffix = armEnvironment("", arm);
  return rows
    .filter(({ environment }) => environment.endsWith(suffix))
    .map((row) => Object.assign({}, row, { environment: row.environment.slice(0, -suffix.length) }));
}

/**
 * The commits a run measures: the head alone, or interleaved with what it is held against.
 * @param baseSha - Of the merge base; with `vs=nightly` of the newest night.
 */
export function armsOf({ versus }: Pick<RunCommand, "versus">, headSha: string, baseSha: string): Arm[] {
  const head = { name: "head", sha: headSha } as const;
  switch (versus.kind) {
    case "none":
      return [head];
    case "base":
    case "nightly":
      return [{ name: "base", sha: baseSha }, head];
    case "sha":
      return [{ name: "base", sha: versus.sha }, head];
  }
}
