/**
 * The node image of a commit that somebody else wrote. Only files of the image are unpacked, none of them is run here: the
 * program is bundled and packed on top of this version's own Debian tree, in a process that has no network and no secret.
 */

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { BenchError } from "#model/errors";

const CHECKOUT = join(import.meta.dirname, "..", "..");
const BUILD_SCRIPT = join(CHECKOUT, "infra", "node-image", "build.ts");
const BUILD_LIMIT_MS = 5 * 60_000;
/** Enough to find programs, the cache and the engine by; no token or credential of this process. */
const PASSED_ON = ["PATH", "HOME", "MESHBENCH_HOME", "XDG_CACHE_HOME"] as const;

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
  const passedOn = PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  const env = { ...Object.fromEntries(passedOn), DOCKER_HOST: dockerEndpoint };
  const [program, ...args] = withoutNetwork([process.execPath, BUILD_SCRIPT, "--source", source, "--json"]);
  try {
    const { stdout } = await promisify(execFile)(program as string, args, { env, timeout: BUILD_LIMIT_MS });
    return (JSON.parse(stdout) as { digest: string }).digest;
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim().split("\n").at(-1);
    throw new BenchError("image", `commit ${sha}: ${said || (error as Error).message}`, {}, { cause: error });
  }
}

/** The engine's socket is a file and stays reachable. Another user than root has no such means, and builds the same. */
const withoutNetwork = (command: string[]): string[] =>
  process.getuid?.() === 0 ? ["unshare", "--net", "--", ...command] : command;
