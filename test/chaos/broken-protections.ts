#!/usr/bin/env node
/**
 * `npm run chaos:protections [-- --with-real] [-- PART OF A NAME…]`: breaks each protection in a copy of this checkout,
 * runs the test that has to notice, and says whether it did. Ends with 1 where one did not. Protections that only an engine
 * or a Temporal server can show are left out unless asked for.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EXIT } from "#model/errors";
import { PROTECTIONS } from "#test/chaos/protections";
import type { Protection, TestChoice } from "#test/chaos/protections";

const CHECKOUT = join(import.meta.dirname, "..", "..");
const LIMIT_MS = 10 * 60_000;
/** Enough of the fast ring to meet what a broken protection lets through; what was met need not be shrunk. */
const RING = { CHAOS_SCHEDULES: "400", CHAOS_SHRINK: "no" };

interface TestOutcome {
  readonly passed: number;
  readonly failed: number;
}

type Verdict = "red" | "STAYS GREEN" | "PROVES NOTHING";

async function main(args: readonly string[]): Promise<number> {
  const withReal = args.includes("--with-real");
  const words = args.filter((arg) => !arg.startsWith("--"));
  const chosen = PROTECTIONS.filter(
    ({ name, seenBy }) =>
      (withReal || seenBy.project === "fast") && (words.length === 0 || words.some((word) => name.includes(word))),
  );
  const copy = copyCheckout();
  try {
    const verdicts = chosen.map((protection) => tryOut(copy, protection));
    const failed = verdicts.filter((verdict) => verdict !== "red").length;
    const left = PROTECTIONS.length - chosen.length;
    process.stdout.write(`${chosen.length} protections broken, ${failed} not noticed; ${left} not tried\n`);
    return failed === 0 && chosen.length > 0 ? EXIT.ok : EXIT.error;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Files of the checkout as they are now, without what is ignored; the packages are the checkout's own. */
function copyCheckout(): string {
  const copy = mkdtempSync(join(tmpdir(), "meshbench-broken-"));
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: CHECKOUT,
    encoding: "utf8",
  });
  for (const file of listed.split("\0").filter(Boolean)) {
    cpSync(join(CHECKOUT, file), join(copy, file), { recursive: true });
  }
  symlinkSync(join(CHECKOUT, "node_modules"), join(copy, "node_modules"));
  return copy;
}

function tryOut(copy: string, protection: Protection): Verdict {
  const { name, file, seenBy } = protection;
  const path = join(copy, file);
  const source = readFileSync(path, "utf8");
  const startedMs = performance.now();
  const intact = runIntact(copy, seenBy);
  writeFileSync(path, breakIn(source, protection));
  const broken = runTest(copy, seenBy);
  writeFileSync(path, source);
  const verdict = judge(intact, broken);
  const tookSec = ((performance.now() - startedMs) / 1000).toFixed(0);
  process.stdout.write(`${verdict.padEnd(14)} ${name}: ${describeTest(seenBy)} (${tookSec} s)\n`);
  return verdict;
}

/** A test that is red anyway, or that there is none of, says nothing; nor does a file that no longer loads. */
function judge(intact: TestOutcome, broken: TestOutcome): Verdict {
  if (intact.failed > 0 || intact.passed === 0) return "PROVES NOTHING";
  if (broken.failed > 0) return "red";
  return broken.passed > 0 ? "STAYS GREEN" : "PROVES NOTHING";
}

/** @throws {Error} Where the source is no longer what the list says. */
export function breakIn(source: string, { name, file, intact, broken }: Protection): string {
  const times = source.split(intact).length - 1;
  if (times !== 1) throw new Error(`${name}: ${file} has ${times} times, instead of once: ${intact}`);
  return source.replace(intact, () => broken);
}

const intactOutcomes = new Map<string, TestOutcome>();

/** Once, however many protections a test watches. */
function runIntact(copy: string, test: TestChoice): TestOutcome {
  const outcome = intactOutcomes.get(describeTest(test)) ?? runTest(copy, test);
  intactOutcomes.set(describeTest(test), outcome);
  return outcome;
}

function runTest(copy: string, { project, file, title }: TestChoice): TestOutcome {
  const report = join(copy, "outcome.json");
  rmSync(report, { force: true });
  const choice = ["--project", project, file, ...(title === undefined ? [] : ["--testNamePattern", title])];
  const vitest = join(copy, "node_modules", "vitest", "vitest.mjs");
  const { error } = spawnSync(
    process.execPath,
    [vitest, "run", ...choice, "--reporter=json", `--outputFile=${report}`],
    { cwd: copy, env: { ...process.env, ...RING }, stdio: ["ignore", "ignore", "inherit"], timeout: LIMIT_MS },
  );
  // Whoever waits for ever has noticed as well.
  if (error !== undefined) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, "utf8"));
  return { passed: numPassedTests, failed: numFailedTests };
}

const describeTest = ({ file, title }: TestChoice): string => (title === undefined ? file : `${file}, "${title}"`);

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
