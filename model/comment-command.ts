/**
 * What a pull-request comment asks for. Its text comes from anybody, so the grammar is closed: a few words, and values of
 * letters, digits and the signs that names, numbers and lists need. Nothing of it is ever part of a shell's line.
 *
 * `/bench run SPEC [key=value]… [vs=base|<sha>|nightly] [prio=N] [sha=<sha>] [image=…] [env=a,b]`, and so on: `COMMENT_HELP`.
 */

import { InputError, type InputIssue } from "#model/errors";
import { isSweepId, isSweepSide } from "#model/ids";
import { REPEATABLE_STATUSES, type RepeatableStatus } from "#model/sweep-work";
import { joinParts, suggest } from "#model/suggest";

/** What a run is held against. */
type Versus = { readonly kind: "base" | "nightly" | "none" } | { readonly kind: "sha"; readonly sha: string };

interface SpecCommand<Asked extends "run" | "plan"> {
  readonly verb: Asked;
  /** A preset's name, or the path of a file in the repository. */
  readonly spec: string;
  /** `key=value`, for the spec's validator. */
  readonly set: readonly string[];
  /** Only these environments. */
  readonly env?: readonly string[];
  readonly versus: Versus;
  readonly priority: number;
  /** The commit that somebody with write access has read: without it, code from a fork is not run. */
  readonly sha?: string;
  /** A node image instead of one built from the pull request. */
  readonly image?: string;
}

export type RunCommand = SpecCommand<"run">;

export type CommentCommand =
  | RunCommand
  | SpecCommand<"plan">
  | { readonly verb: "status" | "pause" | "resume" | "cancel"; readonly sweep?: string }
  | { readonly verb: "retry"; readonly only: RepeatableStatus; readonly sweep?: string }
  | { readonly verb: "compare"; readonly a: string; readonly b: string }
  | { readonly verb: "queue" }
  | { readonly verb: "help" };

type Verb = CommentCommand["verb"];

const VERBS = [
  "run",
  "plan",
  "status",
  "queue",
  "pause",
  "resume",
  "cancel",
  "retry",
  "compare",
  "help",
] as const satisfies readonly Verb[];

/** Shown by `/bench help`, and below what could not be read. */
export const COMMENT_HELP = [
  "/bench run SPEC [key=value]… [vs=base|<sha>|nightly|none] [prio=N] [sha=<sha>] [env=a,b] [image=…]",
  "/bench plan SPEC [key=value]…",
  "/bench status|pause|resume|cancel [SWEEP]",
  "/bench retry failed|invalid|suspect [SWEEP]",
  "/bench compare A B",
  "/bench queue",
  "/bench help",
].join("\n");

const LINE_LONGEST = 1000;
const ALLOWED = /^[\w./,=:@+~ -]*$/;
const SHA = /^[0-9a-f]{40}$/;

/**
 * The first line that is not blank decides, where it stands outside quotes and code.
 * @returns `undefined` where the comment asks nothing of us.
 * @throws {InputError} With everything wrong in the line.
 */
export function parseComment(body: string): CommentCommand | undefined {
  const line = body.split(/\r\n|\r|\n/).find((text) => text.trim() !== "");
  // Four spaces or a tab make a block of code.
  if (line === undefined || !/^ {0,3}\/bench(?![\w-])/.test(line)) return undefined;
  refuse(checkText(line));
  const [verb = "help", ...words] = line.trim().split(/ +/).slice(1);
  return parseCommand(verb, words);
}

function checkText(line: string): InputIssue[] {
  const field = "comment";
  if (line.length > LINE_LONGEST) {
    return [{ field, value: line, rule: `a command has at most ${LINE_LONGEST} characters` }];
  }
  if (ALLOWED.test(line)) return [];
  const rule = "unknown characters";
  return [{ field, value: line, rule, hint: "letters, digits, blanks and . _ , / = : @ + ~ - only" }];
}

function parseCommand(verb: string, words: readonly string[]): CommentCommand {
  const known = VERBS.find((one) => one === verb);
  switch (known) {
    case undefined: {
      const rule = joinParts("unknown command", suggest(verb, VERBS));
      throw new InputError([{ field: "/bench", value: verb, rule, hint: `known: ${VERBS.join(", ")}` }]);
    }
    case "run":
      return parseSpecCommand(known, words);
    case "plan":
      return parseSpecCommand(known, words);
    case "retry":
      return parseRetry(words);
    case "compare":
      return parseCompare(words);
    case "queue":
    case "help":
      refuse(checkCount(known, words, [0, 0]));
      return { verb: known };
    case "status":
    case "pause":
    case "resume":
    case "cancel": {
      refuse([...checkCount(known, words, [0, 1]), ...checkSweep(words[0])]);
      return { verb: known, ...sweepOf(words[0]) };
    }
  }
}

function parseRetry(words: readonly string[]): CommentCommand {
  const [which = "", sweep] = words;
  const only = REPEATABLE_STATUSES.find((status) => status.toLowerCase() === which);
  const rule = `must be one of ${REPEATABLE_STATUSES.map((status) => status.toLowerCase()).join(", ")}`;
  const issues = only === undefined ? [{ field: "/bench retry", value: which, rule }] : [];
  refuse([...issues, ...checkCount("retry", words, [1, 2]), ...checkSweep(sweep)]);
  return { verb: "retry", only: only as RepeatableStatus, ...sweepOf(sweep) };
}

function parseCompare(words: readonly string[]): CommentCommand {
  const rule = "must be the id of a sweep, or SWEEP:ENVIRONMENT";
  const wrong = words.filter((word) => !isSweepSide(word));
  refuse([
    ...checkCount("compare", words, [2, 2]),
    ...wrong.map((value) => ({ field: "/bench compare", value, rule })),
  ]);
  const [a = "", b = ""] = words;
  return { verb: "compare", a, b };
}

/** What says something about the command itself; everything else is the spec's. */
const OPTIONS = ["vs", "prio", "sha", "image", "env"] as const;
type Option = (typeof OPTIONS)[number];

function parseSpecCommand<Asked extends "run" | "plan">(verb: Asked, words: readonly string[]): SpecCommand<Asked> {
  const [spec, ...rest] = words;
  const pairs = rest.map((word) => splitPair(word));
  const options = Object.fromEntries(OPTIONS.map((option) => [option, valueOf(pairs, option)])) as Record<
    Option,
    string | undefined
  >;
  refuse([
    ...checkSpecName(verb, spec),
    ...pairs.flatMap((pair) => pair.issues),
    ...checkDuplicates(pairs),
    ...checkOptions(options),
  ]);
  const { prio, sha, image, env } = options;
  return {
    verb,
    spec: spec as string,
    set: pairs.filter(({ key }) => !isOption(key)).map(({ word }) => word),
    ...(env !== undefined && { env: env.split(",") }),
    versus: versusOf(options.vs ?? "base"),
    priority: Number(prio ?? 0),
    ...(sha !== undefined && { sha }),
    ...(image !== undefined && { image }),
  };
}

interface Pair {
  readonly word: string;
  readonly key: string;
  readonly value: string;
  readonly issues: readonly InputIssue[];
}

function splitPair(word: string): Pair {
  const split = word.indexOf("=");
  const [key, value] = [word.slice(0, Math.max(0, split)), word.slice(split + 1)];
  const issue = pairIssue(word, key);
  return { word, key, value, issues: issue === undefined ? [] : [issue] };
}

function pairIssue(word: string, key: string): InputIssue | undefined {
  if (key === "") {
    return { field: "parameter", value: word, rule: "must be key=value", hint: "such as nodes=4 or rate=6000,60000" };
  }
  if (/^limits?\b/.test(key)) {
    return { field: key, value: word, rule: "limits are operator-only", hint: "they stand in the worker's hosts.yaml" };
  }
  return undefined;
}

const isOption = (key: string): boolean => OPTIONS.some((option) => option === key);

const valueOf = (pairs: readonly Pair[], option: Option): string | undefined =>
  pairs.find(({ key }) => key === option)?.value;

function checkSpecName(verb: string, spec: string | undefined): InputIssue[] {
  const rule = "needs a preset's name or the path of a spec in the repository";
  const hint = `such as /bench ${verb} quick nodes=4`;
  if (spec === undefined || spec.includes("=")) {
    return [{ field: `/bench ${verb}`, value: spec ?? "", rule, hint }];
  }
  return isRepositoryPath(spec)
    ? []
    : [{ field: `/bench ${verb}`, value: spec, rule, hint: "no .., no absolute path" }];
}

/** Of a file in the repository, without a way out of it. */
export const isRepositoryPath = (path: string): boolean =>
  /^[\w.-]+(?:\/[\w.-]+)*$/.test(path) && !path.split("/").some((part) => /^\.\.?$/.test(part));

function checkDuplicates(pairs: readonly Pair[]): InputIssue[] {
  return [...Map.groupBy(pairs, ({ key }) => key)].flatMap(([key, same]) =>
    key === "" || same.length === 1
      ? []
      : [{ field: key, value: same.map(({ value }) => value), rule: "duplicate parameter", hint: "give it once" }],
  );
}

function checkOptions({ vs, prio, sha, image }: Record<Option, string | undefined>): InputIssue[] {
  const rules: readonly [field: Option, value: string | undefined, isGood: (text: string) => boolean, rule: string][] =
    [
      [
        "vs",
        vs,
        (text) => /^(?:base|nightly|none)$/.test(text) || SHA.test(text),
        "must be base, nightly, none or a commit's 40 digits",
      ],
      ["prio", prio, (text) => /^-?\d{1,3}$/.test(text), "must be an integer -999..999"],
      ["sha", sha, (text) => SHA.test(text), "must be a commit's 40 digits"],
      [
        "image",
        image,
        (text) => /^[a-z0-9][\w./:-]*@sha256:[0-9a-f]{64}$/.test(text),
        "must be a repository digest: name@sha256:…",
      ],
    ];
  return rules.flatMap(([field, value, isGood, rule]) =>
    value === undefined || isGood(value) ? [] : [{ field, value, rule }],
  );
}

function versusOf(text: string): Versus {
  return text === "base" || text === "nightly" || text === "none" ? { kind: text } : { kind: "sha", sha: text };
}

function checkCount(verb: Verb, words: readonly string[], [least, most]: readonly [number, number]): InputIssue[] {
  if (words.length >= least && words.length <= most) return [];
  const usage = COMMENT_HELP.split("\n").find((line) => line.slice("/bench ".length).split(/[ |]/).includes(verb));
  return [
    { field: `/bench ${verb}`, value: words.join(" "), rule: "wrong number of words", ...(usage && { hint: usage }) },
  ];
}

function checkSweep(sweep: string | undefined): InputIssue[] {
  if (sweep === undefined || isSweepId(sweep)) return [];
  return [{ field: "SWEEP", value: sweep, rule: "must be the id of one sweep" }];
}

const sweepOf = (sweep: string | undefined): { sweep?: string } => (sweep === undefined ? {} : { sweep });

function refuse(issues: readonly InputIssue[]): void {
  if (issues.length > 0) throw new InputError(issues);
}
