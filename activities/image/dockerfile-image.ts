/** A node image by a Dockerfile of others, built by the engine: its containers have no network, and get no secret. */

import { readFile, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import Docker from "dockerode";
import { BASE_ARGUMENT, complainAboutDockerfile } from "#activities/image/dockerfile-rules";
import { nodeImageTag } from "#activities/image/node-image";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";

const BUILD_LIMIT_MS = 10 * 60_000;

interface BuildOutput {
  readonly stream?: string;
  readonly error?: string;
  readonly aux?: { readonly ID?: string };
}

/**
 * @param context - A folder; only what is in it can be copied.
 * @param path - Of the Dockerfile in it.
 * @returns The engine's id of the image.
 * @throws {Error} In a line: what the Dockerfile must not say, or what went wrong with building it.
 * @throws {UnavailableError} Where no engine answers.
 */
export async function buildDockerfile(context: string, path: string): Promise<string> {
  await requireHarmless(context, path);
  const docker = new Docker(resolveDockerEndpoint().options);
  const base = await nodeImageTag();
  // The engine would look for it elsewhere.
  if (!(await hasImage(docker, base))) throw new Error(`${base} is missing, which it begins with`);
  const stream = await docker.buildImage(
    { context, src: ["."] },
    {
      dockerfile: path,
      buildargs: { [BASE_ARGUMENT]: base },
      networkmode: "none",
      rm: true,
      forcerm: true,
      abortSignal: AbortSignal.timeout(BUILD_LIMIT_MS),
    },
  );
  return idIn(await outputOf(docker, stream));
}

/** A link could lead to a file that is not the context's. */
async function requireHarmless(context: string, path: string): Promise<void> {
  const [root, file] = await Promise.all([realpath(context), realpath(join(context, path))]).catch(() => ["", ""]);
  if (file !== `${root}${sep}${path}`) throw new Error(`${path} is no file of the repository`);
  const [complaint] = complainAboutDockerfile(await readFile(file, "utf8"));
  if (complaint !== undefined) throw new Error(`${path}: ${complaint}`);
}

async function hasImage(docker: Docker, tag: string): Promise<boolean> {
  try {
    await docker.getImage(tag).inspect();
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}

function outputOf(docker: Docker, stream: NodeJS.ReadableStream): Promise<BuildOutput[]> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null, output: BuildOutput[]) =>
      error ? reject(error) : resolve(output),
    );
  });
}

function idIn(output: readonly BuildOutput[]): string {
  const failure = output.find(({ error }) => error !== undefined)?.error;
  if (failure !== undefined) throw new Error(failure);
  const id = output.findLast(({ aux }) => aux?.ID !== undefined)?.aux?.ID;
  if (id === undefined) throw new Error("the engine does not say which image it has built");
  return id;
}
