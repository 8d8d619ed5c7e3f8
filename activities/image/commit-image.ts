/**
 * The node image of a commit that somebody else wrote. Only files of the image are unpacked, none of them is run here: the
 * program is bundled and packed on top of this version's own Debian tree, in a process that has no network and no secret.
 */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { buildSourceImage } from "#activities/image/source-image";
import { BenchError } from "#model/errors";

/**
 * @param archive - Gzipped tar, base64, of `GithubActivities.fetchSource`.
 * @param dockerEndpoint - Of the engine that gets the image.
 * @returns The engine's id of the image.
 * @throws {BenchError} `image` where it cannot be built, or this worker would not understand its program.
 */
export async function buildCommitImage(
  { sha, archive }: { sha: string; archive: string },
  dockerEndpoint: string,
): Promise<{ image: string }> {
  const source = await mkdtemp(join(tmpdir(), "meshbench-commit-"));
  try {
    await unpackSource(archive, source);
    return { image: await build(source, sha, dockerEndpoint) };
  } finally {
    await rm(source, { recursive: true, force: true });
  }
}

/** Paths that lead outside are no files of ours. */
async function unpackSource(archive: string, target: string): Promise<void> {
  const tar = Readable.from([Buffer.from(archive, "base64")]).pipe(createGunzip());
  for await (const entry of tar.pipe(extract())) {
    const { name, type } = entry.header;
    const path = normalize(name);
    if (type !== "file" || path.startsWith("..") || path.startsWith("/")) {
      entry.resume();
      continue;
    }
    await mkdir(dirname(join(target, path)), { recursive: true });
    await writeFile(join(target, path), await buffer(entry));
  }
}

async function build(source: string, sha: string, dockerEndpoint: string): Promise<string> {
  try {
    return await buildSourceImage(source, { ...process.env, DOCKER_HOST: dockerEndpoint });
  } catch (error) {
    throw new BenchError("image", `commit ${sha}: ${(error as Error).message}`, {}, { cause: error });
  }
}
