/** Programs in Go, compiled from pinned sources with Go from the PATH or a downloaded one. */

import { join } from "node:path";
import { findProgram, runCommand } from "#infra/console/commands";
import type { Step } from "#infra/console/steps";
import { fetchGo } from "#infra/temporal/go-toolchain";

/** The most that any of our sources asks for. */
const LEAST_GO = [1, 25] as const;

interface Compilation {
  /** The programs come to `bin/` below it; everything else there can be removed. */
  readonly scratch: string;
  readonly step: Step;
  /** Of the linker, such as a version: `package.Name=value`. */
  readonly setVariables?: readonly string[];
}

/**
 * @param sources - A folder with `go.mod` and `go.sum`.
 * @param packages - Folders in it; each has a program.
 * @throws {Error} They do not compile.
 */
export async function compileGo(sources: string, packages: readonly string[], compilation: Compilation): Promise<void> {
  const own = findProgram("go");
  if (own !== undefined && (await isNewEnough(own))) return build(own, sources, packages, compilation);
  const home = join(compilation.scratch, "go");
  // Caches of its own, and writable, so that all of it can be removed afterwards.
  const env = { GOPATH: join(home, "path"), GOCACHE: join(home, "cache"), GOFLAGS: "-modcacherw" };
  return build(await fetchGo(home, compilation.step), sources, packages, { ...compilation, env });
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

async function build(
  go: string,
  sources: string,
  packages: readonly string[],
  { scratch, step, setVariables = [], env = {} }: Compilation & { env?: NodeJS.ProcessEnv },
): Promise<void> {
  const link = ["-s", "-w", ...setVariables.map((one) => `-X ${one}`)].join(" ");
  const args = ["build", "-v", "-trimpath", `-ldflags=${link}`, "-o", `${join(scratch, "bin")}/`];
  await runCommand(go, [...args, ...packages.map((name) => `./${name}`)], {
    step,
    cwd: sources,
    env: { ...process.env, CGO_ENABLED: "0", ...env, GOWORK: "off", GOTOOLCHAIN: "local" },
  });
}
