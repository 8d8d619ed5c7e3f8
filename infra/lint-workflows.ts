#!/usr/bin/env node
/** Part of `npm run check`: the workflow files by actionlint, which is compiled the first time. */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureGoTool } from "#infra/go-tools/tool";
import { runScript } from "#infra/console/script";
import { Steps } from "#infra/console/steps";
import { EXIT } from "#model/errors";
import { locateInstallation } from "#worker/installation";

// Without the programs that it would call where they happen to be: it says the same on every machine.
const ALONE = ["-shellcheck=", "-pyflakes="];

await runScript(async () => {
  const actionlint = await ensureGoTool("actionlint", locateInstallation(), new Steps());
  const cwd = join(import.meta.dirname, "..");
  return spawnSync(actionlint, [...ALONE, ...process.argv.slice(2)], { cwd, stdio: "inherit" }).status ?? EXIT.error;
});
