/** What a job of sweep.yml asks for, as its environment says it. People typed it: it passes the comment's grammar. */

import { createHash } from "node:crypto";
import { parseComment, type RunCommand } from "#model/comment-command";
import { InputError } from "#model/errors";

export interface JobInputs {
  /** The same in every attempt of the job; another one for other inputs of the same workflow run. */
  readonly sweepId: string;
  readonly command: RunCommand;
  /** Whether the node of the commit that was checked out is measured, not the installed one. */
  readonly isSourceMeasured: boolean;
}

/** What a comment may say, and a job has another way for. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  vs: "a job measures one side; meshbench compare A B puts two sweeps beside each other",
  sha: "the commit that is measured is the input `ref`",
};

/** @throws {InputError} With everything wrong in it. */
export function readJobInputs(env: NodeJS.ProcessEnv): JobInputs {
  const [spec = "", set = "", ref = ""] = ["MESHBENCH_SPEC", "MESHBENCH_SET", "MESHBENCH_REF"].map((name) => env[name]);
  const command = readCommand(spec, set);
  if (command.image !== undefined && ref !== "") {
    const hint = "leave `ref` empty: it is for a node that is built";
    throw new InputError([{ field: "image", value: command.image, rule: "and `ref` name two nodes", hint }]);
  }
  const sweepId = `job-${slugOf(env["GITHUB_REPOSITORY"] ?? "")}-${readRunId(env)}-${hashOf([spec, set, ref])}`;
  return { sweepId, command, isSourceMeasured: ref !== "" };
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
