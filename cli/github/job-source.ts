/** The repository as the workflow has checked it out: the spec's file, its commit, its node. */

import { execFile } from "node:child_process";
import { realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { promisify } from "node:util";
import type { JobNode } from "#cli/github/job-inputs";
import { PRESETS } from "#cli/presets";
import { readTextFile } from "#cli/read-text-file";
import { InputError, UnavailableError } from "#model/errors";
import { buildDockerfile, buildSourceImage } from "#worker/source-image";

/**
 * A link in the repository must not lead out of it.
 * @throws {InputError} Where there is no such file.
 */
export async function readSourceFile(source: string, path: string): Promise<string> {
  const hint = `a file of the repository, or a preset: ${PRESETS.join(", ")}`;
  const [root, file] = await Promise.all([realpath(source), realpath(join(source, path))]).catch(() => ["", ""]);
  if (!file?.startsWith(`${root}${sep}`)) {
    throw new InputError([{ field: "spec", value: path, rule: "no such file in the repository", hint }]);
  }
  return readTextFile(file, "spec", hint);
}

/**
 * What is measured has to be named after what was built, which a branch's name or the job's own commit need not be.
 * @throws {UnavailableError} Where `actions/checkout` found no git, and made no repository.
 */
export async function readSourceCommit(source: string): Promise<string> {
  try {
    const args = ["--git-dir", join(source, ".git"), "rev-parse", "--verify", "HEAD"];
    return (await promisify(execFile)("git", args)).stdout.trim();
  } catch (error) {
    const hint = "install git there: actions/checkout uses it where it is";
    throw new UnavailableError(`git does not say which commit ${source} is`, hint, { cause: error });
  }
}

/**
 * @returns The engine's id of the image that is measured; `undefined` where this version's own is.
 * @throws {UnavailableError} Where it cannot be built.
 */
export async function imageOf(node: JobNode, source: string): Promise<string | undefined> {
  switch (node.kind) {
    case "installed":
      return undefined;
    case "image":
      return node.image;
    case "source":
      return built(() => buildSourceImage(source, process.env));
    case "dockerfile":
      return built(() => buildDockerfile(source, node.path));
  }
}

async function built(build: () => Promise<string>): Promise<string> {
  try {
    return await build();
  } catch (error) {
    const why = `no node image of this commit: ${(error as Error).message}`;
    throw new UnavailableError(why, "meshbench image build", { cause: error });
  }
}
