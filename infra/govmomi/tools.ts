/** govc and vcsim, compiled once from the sources beside this file: upstream's own programs cannot be had from the module proxy. */

import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { digestOf } from "#activities/image/node-image";
import { findProgram } from "#infra/console/commands";
import { compileGo } from "#infra/console/go-programs";
import type { Steps } from "#infra/console/steps";
import { problemOfGovc, readGovcVersion } from "#infra/govmomi/govc-version";
import { govcOfSetUp } from "#worker/installation";
import type { Installation } from "#worker/installation";

const SOURCES = import.meta.dirname;
const PROGRAMS = ["govc", "vcsim"] as const;
type Program = (typeof PROGRAMS)[number];

export type GovmomiTools = Readonly<Record<Program, string>>;

type CacheDir = Pick<Installation, "cache">;

/** Where the programs of these very sources are, or will be. */
function govmomiTools({ cache }: CacheDir): GovmomiTools {
  const names = globSync(["go.mod", "go.sum", "*/*.go"], { cwd: SOURCES });
  const contents = names.map((name) => [name, readFileSync(join(SOURCES, name))]);
  const dir = join(cache, `govmomi-${digestOf(Object.fromEntries(contents)).slice(0, 16)}`);
  return { govc: join(dir, "govc"), vcsim: join(dir, "vcsim") };
}

/**
 * Compiles both unless they are there: a minute, with Go from the PATH or a downloaded one.
 * @throws {Error} They do not compile.
 */
export async function ensureGovmomiTools({ cache }: CacheDir, steps: Steps): Promise<GovmomiTools> {
  const tools = govmomiTools({ cache });
  await ensurePrograms(tools, PROGRAMS, steps);
  return tools;
}

/**
 * For a worker that has ESXi hosts: the govc on the PATH, where it will do, else one of our own where the worker looks for
 * it.
 * @throws {Error} It does not compile.
 */
export async function ensureGovc({ cache }: CacheDir, steps: Steps): Promise<void> {
  const found = findProgram("govc");
  if (found !== undefined) {
    const version = await readGovcVersion(found);
    const problem = problemOfGovc(version);
    steps.note(problem === undefined ? `✓ govc ${version} at ${found}` : `govc at ${found} ${problem}: not used`);
    if (problem === undefined) return;
  }
  const tools = govmomiTools({ cache });
  await ensurePrograms(tools, ["govc"], steps);
  const link = govcOfSetUp({ cache });
  mkdirSync(dirname(link), { recursive: true });
  const temporary = `${link}.${process.pid}`;
  symlinkSync(tools.govc, temporary);
  renameSync(temporary, link); // one of earlier sources gives way
}

async function ensurePrograms(tools: GovmomiTools, wanted: readonly Program[], steps: Steps): Promise<void> {
  const dir = dirname(tools.govc);
  const missing = wanted.filter((name) => !existsSync(tools[name]));
  if (missing.length === 0) {
    steps.note(`✓ ${wanted.join(" and ")} in ${dir}`);
    return;
  }
  mkdirSync(dir, { recursive: true });
  const scratch = mkdtempSync(join(dir, "build-"));
  try {
    await steps.run(`${missing.join(" and ")}: go build`, (step) =>
      compileGo(SOURCES, missing, {
        scratch,
        step,
        setVariables: [`github.com/vmware/govmomi/cli/flags.BuildVersion=${govmomiVersion()}`],
      }),
    );
    // Whole or not at all, also beside another set-up.
    for (const name of missing) renameSync(join(scratch, "bin", name), tools[name]);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function govmomiVersion(): string {
  const version = /vmware\/govmomi (v\S+)/.exec(readFileSync(join(SOURCES, "go.mod"), "utf8"))?.[1];
  if (version === undefined) throw new Error("go.mod names no govmomi");
  return version;
}
