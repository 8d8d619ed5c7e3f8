/** `meshbench collect RUN`: fetch results again while a failed run's nodes are kept. */

import { Command } from "commander";

export function collectCommand(): Command {
  return new Command("collect")
    .description("fetch a failed run's results again while its nodes are kept (`keep: on-failure`)")
    .argument("<run>", "the run's id")
    .option("--json", "print the row as JSON")
    .action(async (runId: string, { json = false }: { json?: boolean }) => {
      const { collectRun } = await import("#cli/collect-run");
      process.exitCode = await collectRun(runId, { json });
    });
}
