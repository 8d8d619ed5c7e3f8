/** `meshbench up`: find or start what this machine needs. */

import { Command, Option } from "commander";
import { runInfraScript, toFlags } from "#cli/infra-script";

export function upCommand(): Command {
  return new Command("up")
    .description("find or start the Docker engine, the node image, Temporal and the worker; safe to repeat")
    .option("--yes", "install what is missing without asking")
    .addOption(new Option("--only <parts...>", "only these").choices(["engine", "image", "temporal", "worker"]))
    .option("--json", "print what runs as JSON")
    .action(async (options: { yes?: boolean; only?: string[]; json?: boolean }) =>
      runInfraScript("up", toFlags({ ...options })),
    );
}
