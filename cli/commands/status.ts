/** `meshbench status ID`: how far a sweep is, or how it ended. */

import { Command } from "commander";

export function statusCommand(): Command {
  return new Command("status")
    .description("a sweep's runs so far and what they show")
    .argument("<sweep>", "the sweep's id")
    .option("--json", "print JSON")
    .action(async (sweepId: string, { json = false }: { json?: boolean }) => {
      const { printStatus } = await import("#cli/print-status");
      await printStatus(sweepId, { json });
    });
}
