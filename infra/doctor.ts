#!/usr/bin/env node
/** `meshbench doctor`: what this machine needs, what it has, and the command that mends the rest. Changes nothing. */

import { Command } from "commander";
import { EXIT } from "#model/errors";
import { locateInstallation } from "#worker/installation";
import { runScript } from "#infra/console/script";
import { runChecks, showResults } from "#infra/doctor/check";
import { machineChecks } from "#infra/doctor/machine-checks";
import { serviceChecks } from "#infra/doctor/service-checks";
import { vmChecks } from "#infra/doctor/vm-checks";

async function main(): Promise<number> {
  const program = new Command("doctor").option("--json", "print the checks as JSON").exitOverride();
  const { json = false } = program.parse().opts<{ json?: boolean }>();
  const installation = locateInstallation();
  const services = serviceChecks(installation);
  const checks = await runChecks([...machineChecks(installation), ...services.checks, ...vmChecks(installation)]);
  await services.close();
  const isReady = checks.every(({ ok }) => ok);
  process.stdout.write(`${json ? JSON.stringify({ ok: isReady, checks }, null, 2) : showResults(checks)}\n`);
  return isReady ? EXIT.ok : EXIT.unavailable;
}

await runScript(main);
