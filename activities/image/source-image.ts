/** A node image of source that somebody else wrote, made by a process that has no network and no secret. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const BUILD_SCRIPT = join(import.meta.dirname, "..", "..", "infra", "node-image", "build.ts");
const BUILD_LIMIT_MS = 5 * 60_000;
/** Enough to find programs, the cache and the engine by; no token or credential of this process. */
const PASSED_ON = ["PATH", "HOME", "MESHBENCH_HOME", "MESHBENCH_CACHE", "XDG_CACHE_HOME", "DOCKER_HOST"] as const;

/**
 * @param source - A folder with the image's files; none of them is run.
 * @param env - Where `DOCKER_HOST` names the engine that gets the image.
 * @returns The engine's id of the image.
 * @throws {Error} With the last line of what went wrong.
 */
export async function buildSourceImage(source: string, env: NodeJS.ProcessEnv): Promise<string> {
  const [program, ...args] = withoutNetwork([process.execPath, BUILD_SCRIPT, "--source", source, "--json"]);
  try {
    const { stdout } = await promisify(execFile)(program, args, { env: withoutRest(env), timeout: BUILD_LIMIT_MS });
    return (JSON.parse(stdout) as { digest: string }).digest;
  } catch (error) {
    throw new Error(explain(error as Error & { stderr?: string }), { cause: error });
  }
}

export const withoutRest = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(PASSED_ON.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));

/** The engine's socket is a file and stays reachable. Without root it takes a user namespace, in which one is root's like. */
export function withoutNetwork(command: readonly string[], isRoot = process.getuid?.() === 0): [string, ...string[]] {
  const user = isRoot ? [] : ["--user", "--map-current-user"];
  return ["unshare", ...user, "--net", "--", ...command];
}

function explain({ stderr = "", message }: Error & { stderr?: string }): string {
  const said = stderr.trim().split("\n").at(-1) || message;
  return said.startsWith("unshare:") ? `this machine lets nobody but root build without network (${said})` : said;
}
