/** `meshbench down`: stop what `up` started, and only that. */

import { Command } from "commander";
import { runInfraScript, toFlags } from "#cli/infra-script";

export function downCommand(): Command {
  return new Command("down")
    .description("stop what `up` started on this machine; an engine that ran before goes on")
    .option("--yes", "do not ask before the Docker engine is stopped")
    .option("--force", "also while a sweep is open")
    .option("--json", "print what was stopped as JSON")
    .action(async (options: { yes?: boolean; force?: boolean; json?: boolean }) =>
      runInfraScript("down", toFlags({ ...options })),
    );
}
