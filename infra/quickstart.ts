#!/usr/bin/env node
/** `npm run quickstart`: from nothing to a report of the paper's benchmark. A second time it goes straight to measuring. */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { EXIT } from "#model/errors";
import { locateInstallation } from "#worker/installation";
import { runScript } from "#infra/console/script";
import { Steps } from "#infra/console/steps";
import { bringUp, PARTS } from "#infra/up";

const CHECKOUT = join(import.meta.dirname, "..");
const CLI = join(CHECKOUT, "cli", "main.ts");

async function main(): Promise<number> {
  const steps = new Steps();
  const consent = { isGiven: process.argv.includes("--yes") };
  await bringUp(locateInstallation(), { parts: PARTS, consent, steps });

  steps.note("\nMeasuring: npx meshbench run quick");
  const run = await meshbench(["run", "quick", "--json"]);
  if (run.stdout === "") return run.exitCode; // detached or refused: it has said so
  const { sweep_id: sweepId } = JSON.parse(run.stdout) as { sweep_id: string };
  const reportDir = join(CHECKOUT, "report-out", sweepId);
  const report = await meshbench(["report", sweepId, "--out", reportDir]);
  process.stdout.write(report.stdout);
  if (report.exitCode !== EXIT.ok) return report.exitCode;

  steps.note(`\nYour report: ${join(reportDir, "report.html")}`);
  steps.note(`What next:
  npx meshbench plan paper/test-3      what the paper's third experiment would take
  npx meshbench run paper/test-3 --set nodes=4 --set rate=6000,60000 --set duration=20s --set repetitions=2
  npx meshbench down                   stop what this has started`);
  return run.exitCode;
}

/** Its progress goes to the terminal, its data comes back. */
async function meshbench(args: readonly string[]): Promise<{ exitCode: number; stdout: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ["inherit", "pipe", "inherit"] });
  process.on("SIGINT", leaveToCommand);
  const exited = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? EXIT.error));
  });
  const [stdout, exitCode] = await Promise.all([text(child.stdout), exited]);
  process.off("SIGINT", leaveToCommand);
  return { exitCode, stdout };
}

function leaveToCommand(): void {
  // Ctrl-C reaches the command as well, which detaches and says so.
}

await runScript(main);
