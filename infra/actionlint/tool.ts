/** actionlint, compiled once from the sources beside this file. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "#activities/image/node-image";
import { compileGo } from "#infra/console/go-programs";
import type { Steps } from "#infra/console/steps";
import type { Installation } from "#worker/installation";

const SOURCES = import.meta.dirname;

type CacheDir = Pick<Installation, "cache">;

/** Where the program of these very sources is, or will be. */
function actionlintOf({ cache }: CacheDir): string {
  const contents = ["go.mod", "go.sum", "main.go"].map((name) => [name, readFileSync(join(SOURCES, name))]);
  return join(cache, `actionlint-${digestOf(Object.fromEntries(contents)).slice(0, 16)}`);
}

/**
 * Compiles it unless it is there: seconds, with Go from the PATH or a downloaded one.
 * @throws {Error} It does not compile.
 */
export async function ensureActionlint({ cache }: CacheDir, steps: Steps): Promise<string> {
  const program = actionlintOf({ cache });
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const scratch = mkdtempSync(join(cache, "actionlint-build-"));
  try {
    await steps.run("actionlint: go build", (step) => compileGo(SOURCES, ["."], { scratch, step }));
    // Whole or not at all, also beside another set-up.
    renameSync(join(scratch, "bin", "actionlint"), program);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  return program;
}
