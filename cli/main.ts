#!/usr/bin/env node
/** The `meshbench` command: registers the commands, turns what they throw into one line and an exit code. */

import { Command, CommanderError } from "commander";
import { cancelCommand } from "#cli/commands/cancel";
import { collectCommand } from "#cli/commands/collect";
import { compareCommand } from "#cli/commands/compare";
import { doctorCommand } from "#cli/commands/doctor";
import { downCommand } from "#cli/commands/down";
import { exportCommand } from "#cli/commands/export";
import { githubCommand } from "#cli/commands/github";
import { imageCommand } from "#cli/commands/image";
import { listCommand } from "#cli/commands/list";
import { logsCommand } from "#cli/commands/logs";
import { nightlyCommand } from "#cli/commands/nightly";
import { pauseCommand } from "#cli/commands/pause";
import { planCommand } from "#cli/commands/plan";
import { queueCommand } from "#cli/commands/queue";
import { reapCommand } from "#cli/commands/reap";
import { reportCommand } from "#cli/commands/report";
import { resumeCommand } from "#cli/commands/resume";
import { runCommand } from "#cli/commands/run";
import { runnerCommand } from "#cli/commands/runner";
import { statusCommand } from "#cli/commands/status";
import { upCommand } from "#cli/commands/up";
import { watchCommand } from "#cli/commands/watch";
import { workerCommand } from "#cli/commands/worker";
import { explainFailure } from "#cli/explain-failure";
import { EXIT } from "#model/errors";
import packageJson from "#package.json" with { type: "json" };

// Should Node be told to write one when it crashes: the environment may hold credentials.
if (process.report) process.report.excludeEnv = true;

// Whoever reads our output may have enough of it, as in: meshbench list | head -1
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
}

const program = new Command("meshbench")
  .description(packageJson.description)
  .version(packageJson.version)
  .showHelpAfterError("(meshbench COMMAND --help shows what a command takes)")
  .showSuggestionAfterError();

// In the order a newcomer needs them.
for (const command of [
  upCommand(),
  downCommand(),
  doctorCommand(),
  planCommand(),
  runCommand(),
  listCommand(),
  statusCommand(),
  watchCommand(),
  queueCommand(),
  pauseCommand(),
  resumeCommand(),
  cancelCommand(),
  logsCommand(),
  collectCommand(),
  reportCommand(),
  compareCommand(),
  exportCommand(),
  nightlyCommand(),
  imageCommand(),
  reapCommand(),
  workerCommand(),
  githubCommand(),
  runnerCommand(),
]) {
  program.addCommand(throwOnExit(command));
}

await program
  .exitOverride()
  .parseAsync()
  .catch((error: unknown) => {
    process.exitCode =
      error instanceof CommanderError ? (error.exitCode === 0 ? EXIT.ok : EXIT.usage) : explainFailure(error);
  });

/** Usage errors come out as errors, of sub-commands too, so that one place decides about exit codes. */
function throwOnExit(command: Command): Command {
  command.commands.forEach(throwOnExit);
  return command.copyInheritedSettings(program).exitOverride();
}
