/** What a commit's node image is made of, out of GitHub's archive of the commit: nothing else of it ever reaches a host. */

import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createGunzip, gzipSync } from "node:zlib";
import { RequestError, type Octokit } from "octokit";
import { extract, pack } from "tar-stream";
import { IMAGE_FOLDERS } from "#activities/image/node-image";
import { BenchError } from "#model/errors";
import { fullNameOf, placeOf } from "#model/pull-request";
import type { RepositoryRef } from "#model/pull-request";

/** Far above what we have; an archive of a hostile commit ends here. */
const FILE_LARGEST = 2 ** 20;
const FILES_MOST = 500;
/** A Temporal payload stays under 256 KiB, and base64 adds a third. */
const ARCHIVE_LARGEST = 180 * 1024;

/** @returns A gzipped tar of the image's files, base64. */
export async function readSourceArchive(
  octokit: Octokit,
  repository: RepositoryRef,
  sha: string,
): Promise<{ archive: string }> {
  const archive = await keepImageFiles(Readable.from([await download(octokit, repository, sha)]));
  if (archive.length > ARCHIVE_LARGEST) {
    throw new BenchError("image", `the image's files of commit ${sha} are larger than ${ARCHIVE_LARGEST} bytes packed`);
  }
  return { archive: archive.toString("base64") };
}

/** Whoever asked may have mistyped it: `vs=<sha>` is checked by nobody before. */
async function download(octokit: Octokit, repository: RepositoryRef, sha: string): Promise<Buffer> {
  try {
    const { data } = await octokit.rest.repos.downloadTarballArchive({ ...placeOf(repository), ref: sha });
    return Buffer.from(data as ArrayBuffer);
  } catch (error) {
    if (!(error instanceof RequestError) || error.status !== 404) throw error;
    throw new BenchError("github refused", `${fullNameOf(repository)} has no commit ${sha}`, {}, { cause: error });
  }
}

/** GitHub puts everything in one folder, `OWNER-REPO-SHA/`. Links and whatever is no plain file are left out. */
async function keepImageFiles(tarball: Readable): Promise<Buffer> {
  const kept = pack();
  let files = 0;
  for await (const entry of tarball.pipe(createGunzip()).pipe(extract())) {
    const { name, type, size } = entry.header;
    const path = name.split("/").slice(1).join("/");
    const isWanted = type === "file" && IMAGE_FOLDERS.some((folder) => path.startsWith(`${folder}/`));
    if (!isWanted || path.split("/").includes("..")) {
      entry.resume();
      continue;
    }
    if (++files > FILES_MOST || size > FILE_LARGEST) {
      throw new BenchError("image", `the commit's ${path} is larger, or its files are more, than an image is made of`);
    }
    kept.entry({ name: path, mtime: new Date(0) }, await buffer(entry));
  }
  if (files === 0) throw new BenchError("image", `the commit has none of ${IMAGE_FOLDERS.join(", ")}`);
  kept.finalize();
  return gzipSync(await buffer(kept));
}
