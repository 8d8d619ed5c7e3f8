/** govc and vcsim, compiled once from the sources beside this file: upstream's own programs cannot be had from the module proxy. */

import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "#activities/image/node-image";
import { findProgram, runCommand } from "#infra/console/commands";
import type { Step, Steps } from "#infra/console/steps";
import { fetchGo } from "#infra/temporal/go-toolchain";
import type { Installation } from "#worker/installation";

const SOURCES = import.meta.dirname;
/** govmomi asks for it. */
const LEAST_GO = [1, 25] as const;
const PROGRAMS = ["govc", "vcsim"] as const;

export type GovmomiTools = Readonly<Record<(typeof PROGRAMS)[number], string>>;

type CacheDir = Pick<Installation, "cache">;

/** Where the programs of these very sources are, or will be. */
export function govmomiTools({ cache }: CacheDir): GovmomiTools {
  const names = globSync(["go.mod", "go.sum", "*/*.go"], { cwd: SOURCES });
  const contents = names.map((name) => [name, readFileSync(join(SOURCES, name))]);
  const dir = join(cache, `govmomi-${digestOf(Object.fromEntries(contents)).slice(0, 16)}`);
  return { govc: join(dir, "govc"), vcsim: join(dir, "vcsim") };
}

/**
 * Compiles both unless they are there: a minute, with Go from the PATH or a downloaded one.
 * @throws {Error} Neither compiles.
 */
export async function ensureGovmomiTools({ cache }: CacheDir, steps: Steps): Promise<GovmomiTools> {
  const tools = govmomiTools({ cache });
  if (existsSync(tools.vcsim)) {
    steps.note(`✓ govc and vcsim at ${join(tools.vcsim, "..")}`);
    return tools;
  }
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, "govmomi-build-"));
  try {
    await steps.run("govc and vcsim: go build", (step) => compile(scratch, step));
    publish(join(scratch, "bin"), join(tools.vcsim, ".."));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return tools;
}

async function compile(scratch: string, step: Step): Promise<void> {
  const own = findProgram("go");
  if (own !== undefined && (await isNewEnough(own))) return build(own, scratch, step);
  const home = join(scratch, "go");
  // Caches of its own, and writable, so that all of it can be removed afterwards.
  return build(await fetchGo(home, step), scratch, step, {
    GOPATH: join(home, "path"),
    GOCACHE: join(home, "cache"),
    GOFLAGS: "-modcacherw",
  });
}

async function isNewEnough(go: string): Promise<boolean> {
  const version = /^go(\d+)\.(\d+)/
    .exec(await runCommand(go, ["env", "GOVERSION"]))
    ?.slice(1)
    .map(Number);
  if (!version) return false;
  const [major = 0, minor = 0] = version;
  return major > LEAST_GO[0] || (major === LEAST_GO[0] && minor >= LEAST_GO[1]);
}

async function build(go: string, scratch: string, step: Step, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const setVersion = `-X github.com/vmware/govmomi/cli/flags.BuildVersion=${govmomiVersion()}`;
  const args = ["build", "-v", "-trimpath", `-ldflags=-s -w ${setVersion}`, "-o", `${join(scratch, "bin")}/`];
  await runCommand(go, [...args, ...PROGRAMS.map((name) => `./${name}`)], {
    step,
    cwd: SOURCES,
    env: { ...process.env, CGO_ENABLED: "0", ...env, GOWORK: "off", GOTOOLCHAIN: "local" },
  });
}

function govmomiVersion(): string {
  const version = /vmware\/govmomi (v\S+)/.exec(readFileSync(join(SOURCES, "go.mod"), "utf8"))?.[1];
  if (version === undefined) throw new Error("go.mod names no govmomi");
  return version;
}

/** Whole or not at all, also beside another set-up that was faster. */
function publish(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(join(to, PROGRAMS[1]))) throw error;
  }
}
