#!/usr/bin/env node
/**
 * `npm test [-- VITEST ARGUMENTS]`: sets up what the tests need, runs them all, stops what it started. The cache is the
 * user's, since it is slow to fill; everything else lives in a home of its own and is removed. `npm run chaos` does the
 * same with the chaos suite, which `npm test` runs only a part of.
 */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT } from "#model/errors";
import { locateInstallation } from "#worker/installation";
import { runScript } from "#infra/console/script";
import { Steps } from "#infra/console/steps";
import { takeDown } from "#infra/down";
import { ensureGovmomiTools } from "#infra/govmomi/tools";
import { ensureVmDisk } from "#infra/node-image/vm-disk";
import { ensureTemporalBinary } from "#infra/temporal/binary";
import { ensureTestPrograms } from "#infra/test-packages";
import { bringUp } from "#infra/up";

const CHECKOUT = join(import.meta.dirname, "..");
const VITEST = join(CHECKOUT, "node_modules", "vitest", "vitest.mjs");
const PROJECTS = ["fast", "real", "alone"];
const CLOSING_LINE = join(CHECKOUT, "test", "support", "closing-line-reporter.ts");

/** From then on vitest's reporter says how many tests there were. */
let hasBegun = false;

async function main(): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), "meshbench-test-"));
  process.env["MESHBENCH_HOME"] = home;
  const installation = locateInstallation();
  const steps = new Steps();
  const consent = { isGiven: false };
  // The first Ctrl-C ends vitest, not the cleaning up after it.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
  try {
    await bringUp(installation, { parts: ["engine", "image"], consent, steps });
    await ensureTestPrograms(steps, consent);
    await ensureTemporalBinary(installation, steps);
    await ensureVmDisk("qemu", { cache: installation.cache, consent, steps });
    await ensureGovmomiTools(installation, steps);
    hasBegun = true;
    return await runVitest(process.argv.slice(2));
  } finally {
    await takeDown(installation, { consent, steps: new Steps({ write: () => {} }) });
    rmSync(home, { recursive: true, force: true });
  }
}

function runVitest(args: readonly string[]): Promise<number> {
  const reporters = ["--reporter=default", `--reporter=${CLOSING_LINE}`];
  const projects = args.some((arg) => arg.startsWith("--project")) ? [] : PROJECTS.map((name) => `--project=${name}`);
  const vitest = [VITEST, "run", ...projects, ...reporters, ...args];
  const child = spawn(process.execPath, vitest, { cwd: CHECKOUT, stdio: "inherit" });
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? EXIT.error));
  });
}

function countSetUp(): void {
  if (!hasBegun) process.stdout.write("0 passed, 1 failed, 0 skipped\n");
}

await runScript(main, countSetUp);
