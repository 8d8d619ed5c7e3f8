/** `meshbench doctor`: what this machine needs, what it has, and the command that mends the rest. */

import { Command } from "commander";
import { runInfraScript, toFlags } from "#cli/infra-script";

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("check what this machine needs, one line each, with the command that mends what is missing")
    .option("--json", "print the checks as JSON")
    .action(async (options: { json?: boolean }) => runInfraScript("doctor", toFlags({ ...options })));
}
