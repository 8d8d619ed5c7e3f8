/** Temporal's command line program, whose development server Meshbench runs on: found, downloaded or compiled, once. */

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { UnavailableError } from "#model/errors";
import type { Installation } from "#worker/installation";
import { findProgram, runCommand } from "#infra/console/commands";
import type { Step, Steps } from "#infra/console/steps";
import { fetchGo } from "#infra/temporal/go-toolchain";

const CLI_VERSION = "1.5.1";
/** The server inside that version; older ones lack what the workflows use. */
const SERVER_VERSION = [1, 29, 1] as const;
const MODULE = `github.com/temporalio/cli/cmd/temporal@v${CLI_VERSION}`;
/** The site answers in a second or not at all; the file has about 60 MB. */
const SDK_DOWNLOAD_LIMIT_SEC = 300;

type CacheDir = Pick<Installation, "cache">;

export function temporalBinary({ cache }: CacheDir): string {
  return join(cache, `temporal-${CLI_VERSION}`, "temporal");
}

/** One way to get the program. Puts an executable (or a link to one) at `target`. */
interface Source {
  readonly name: string;
  readonly fetch: (target: string, step: Step) => Promise<void>;
}

const SOURCES: readonly Source[] = [
  { name: "temporal on the PATH", fetch: linkFromPath },
  { name: "the Temporal SDK's download", fetch: downloadBySdk },
  { name: "go install, with Go on the PATH", fetch: (target, step) => compileWith(requireGoOnPath(), target, step) },
  { name: "go install, with a downloaded Go", fetch: compileWithOwnGo },
];

/**
 * Makes sure that `temporalBinary` is there. Every source is tried once, in order; why one failed is noted.
 * @throws {UnavailableError} All of them failed.
 */
export async function ensureTemporalBinary(
  { cache }: CacheDir,
  steps: Steps,
  sources: readonly Source[] = SOURCES,
): Promise<string> {
  const binary = temporalBinary({ cache });
  if (existsSync(binary)) {
    steps.note(`✓ Temporal server at ${binary}`);
    return binary;
  }
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, "temporal-"));
  try {
    return await fetchFromFirst(sources, { binary, scratch, steps });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function fetchFromFirst(
  sources: readonly Source[],
  { binary, scratch, steps }: { binary: string; scratch: string; steps: Steps },
): Promise<string> {
  const target = join(scratch, "temporal");
  for (const { name, fetch } of sources) {
    try {
      await steps.run(`Temporal server: ${name}`, (step) => fetch(target, step));
    } catch (error) {
      steps.note(`  ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    mkdirSync(join(binary, ".."), { recursive: true });
    renameSync(target, binary); // whole or not at all, also beside another set-up
    return binary;
  }
  throw new UnavailableError(
    `No source had a Temporal server: tried ${sources.map(({ name }) => name).join(", ")}`,
    "install Temporal's command line program (docs.temporal.io/cli) so that `temporal` is on the PATH",
  );
}

async function linkFromPath(target: string): Promise<void> {
  const found = findProgram("temporal");
  if (!found) throw new Error("not installed");
  const versions = await runCommand(found, ["--version"]);
  if (!isNewEnough(versions))
    throw new Error(`${found} is too old: ${versions}; needed: server ${SERVER_VERSION.join(".")}`);
  symlinkSync(found, target);
}

/** @param versions - As `temporal --version` prints it. */
export function isNewEnough(versions: string): boolean {
  const server = /Server (\d+)\.(\d+)\.(\d+)/.exec(versions)?.slice(1).map(Number);
  if (!server) return false;
  const differing = SERVER_VERSION.findIndex((part, i) => part !== server[i]);
  return differing === -1 || server[differing]! > SERVER_VERSION[differing]!;
}

/** In a process of its own: the SDK's download cannot be called off. */
async function downloadBySdk(target: string, step: Step): Promise<void> {
  const dir = join(target, "..", "sdk");
  mkdirSync(dir);
  const script = join(import.meta.dirname, "sdk-download.ts");
  await runCommand(process.execPath, [script, dir, `v${CLI_VERSION}`], { step, limitSec: SDK_DOWNLOAD_LIMIT_SEC });
  const [file] = readdirSync(dir);
  if (!file) throw new Error("the SDK downloaded nothing");
  renameSync(join(dir, file), target);
  chmodSync(target, 0o755);
}

function requireGoOnPath(): string {
  const go = findProgram("go");
  if (!go) throw new Error("Go is not installed");
  return go;
}

async function compileWithOwnGo(target: string, step: Step): Promise<void> {
  const scratch = join(target, "..", "go");
  const go = await fetchGo(scratch, step);
  // Caches of its own, and writable, so that all of it can be removed afterwards.
  await compileWith(go, target, step, {
    GOPATH: join(scratch, "path"),
    GOCACHE: join(scratch, "cache"),
    GOFLAGS: "-modcacherw",
  });
}

async function compileWith(go: string, target: string, step: Step, env: NodeJS.ProcessEnv = {}): Promise<void> {
  await runCommand(go, ["install", "-v", MODULE], {
    step,
    env: { ...process.env, CGO_ENABLED: "0", ...env, GOBIN: join(target, "..") },
  });
}
