/** What a job of sweep.yml asks for, as its environment says it. People typed it: it passes the comment's grammar. */

import { createHash } from "node:crypto";
import { isRepositoryPath, parseComment, type RunCommand } from "#model/comment-command";
import { InputError } from "#model/errors";

/** What is measured: this version's node, the one of the commit that was checked out, or others'. */
export type JobNode =
  | { readonly kind: "installed" | "source" }
  | { readonly kind: "image"; readonly image: string }
  /** Of a Dockerfile in the commit that was checked out. */
  | { readonly kind: "dockerfile"; readonly path: string };

export interface JobInputs {
  /** The same in every attempt of the job; another one for other inputs of the same workflow run. */
  readonly sweepId: string;
  readonly command: RunCommand;
  readonly node: JobNode;
}

/** What a comment may say, and a job has another way for. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  vs: "a job measures one side; meshbench compare A B puts two sweeps beside each other",
  sha: "the commit that is measured is the input `ref`",
};

const INPUTS = ["MESHBENCH_SPEC", "MESHBENCH_SET", "MESHBENCH_REF"];

/** Of a comment only its first line counts; an input may have one pair a line. */
const oneLine = (text: string): string => text.trim().replaceAll(/\s+/g, " ");

/** @throws {InputError} */
export function readJobInputs(env: NodeJS.ProcessEnv): JobInputs {
  const [spec = "", set = "", ref = ""] = INPUTS.map((name) => oneLine(env[name] ?? ""));
  const [own, others] = partition(set.split(" "), (word) => word.startsWith("dockerfile="));
  const command = readCommand(spec, others.join(" "));
  const node = nodeOf(
    own.map((word) => word.slice("dockerfile=".length)),
    command.image,
    ref,
  );
  const sweepId = `job-${slugOf(env["GITHUB_REPOSITORY"] ?? "")}-${readRunId(env)}-${hashOf([spec, set, ref])}`;
  return { sweepId, command, node };
}

const partition = (words: readonly string[], isFirst: (word: string) => boolean): [string[], string[]] => [
  words.filter((word) => isFirst(word)),
  words.filter((word) => !isFirst(word)),
];

function nodeOf(dockerfiles: readonly string[], image: string | undefined, ref: string): JobNode {
  const [path] = dockerfiles;
  if (image !== undefined && (path !== undefined || ref !== "")) {
    const hint = "without an image, `ref` and dockerfile= name a node that is built";
    throw new InputError([{ field: "image", value: image, rule: "and what is built are two nodes", hint }]);
  }
  if (image !== undefined) return { kind: "image", image };
  if (path === undefined) return { kind: ref === "" ? "installed" : "source" };
  if (dockerfiles.length === 1 && isRepositoryPath(path)) return { kind: "dockerfile", path };
  const rule = "must be one path in the repository";
  throw new InputError([{ field: "dockerfile", value: dockerfiles.join(" "), rule, hint: "no .., no absolute path" }]);
}

function readCommand(spec: string, set: string): RunCommand {
  const misplaced = set.split(" ").flatMap((value) => {
    const field = value.split("=", 1)[0] ?? "";
    const hint = ELSEWHERE[field];
    return hint === undefined ? [] : [{ field, value, rule: "is not for jobs", hint }];
  });
  if (misplaced.length > 0) throw new InputError(misplaced);
  const command = parseComment(`/bench run ${spec} ${set}`);
  if (command?.verb === "run") return command;
  throw new InputError([{ field: "MESHBENCH_SPEC", value: spec, rule: "must be a preset or a path", hint: "quick" }]);
}

function readRunId({ GITHUB_RUN_ID: value = "" }: NodeJS.ProcessEnv): string {
  if (/^\d{1,20}$/.test(value)) return value;
  throw new InputError([{ field: "GITHUB_RUN_ID", value, rule: "is not set", hint: "GitHub's runner sets it" }]);
}

const slugOf = (repository: string): string =>
  repository
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 40);

const hashOf = (inputs: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(inputs)).digest("hex").slice(0, 8);
