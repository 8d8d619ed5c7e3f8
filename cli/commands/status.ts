/** `meshbench status ID`: how far a sweep is, or how it ended. */

import { Command } from "commander";
import { printSweep } from "#cli/ended-sweep";
import { requireSweep } from "#cli/results";

export function statusCommand(): Command {
  return new Command("status")
    .description("a sweep's runs so far and what they show")
    .argument("<sweep>", "the sweep's id")
    .option("--json", "print JSON")
    .action(async (sweepId: string, { json = false }: { json?: boolean }) => {
      await requireSweep(sweepId);
      await printSweep(sweepId, json);
    });
}
