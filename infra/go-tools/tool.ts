/** Programs of others, in Go, compiled once each from the pinned sources in the folders beside this file. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "#activities/image/node-image";
import { compileGo } from "#infra/console/go-programs";
import type { Steps } from "#infra/console/steps";
import type { Installation } from "#worker/installation";

/** `actionlint` checks workflow files; `act` runs them on this machine. */
type GoTool = "act" | "actionlint";

/**
 * Compiles it unless it is there: seconds to a minute, with Go from the PATH or a downloaded one.
 * @returns Where the program of these very sources is.
 * @throws {Error} It does not compile.
 */
export async function ensureGoTool(
  name: GoTool,
  { cache }: Pick<Installation, "cache">,
  steps: Steps,
): Promise<string> {
  const sources = join(import.meta.dirname, name);
  const contents = ["go.mod", "go.sum", "main.go"].map((file) => [file, readFileSync(join(sources, file))]);
  const program = join(cache, `${name}-${digestOf(Object.fromEntries(contents)).slice(0, 16)}`);
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, `${name}-build-`));
  try {
    await steps.run(`${name}: go build`, (step) => compileGo(sources, ["."], { scratch, step }));
    // Whole or not at all, also beside another set-up.
    renameSync(join(scratch, "bin", name), program);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return program;
}
