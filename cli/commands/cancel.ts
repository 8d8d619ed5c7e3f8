/** `meshbench cancel ID`: end a sweep; its current run is torn down, what is measured stays. */

import { Command } from "commander";
import { note, printData } from "#cli/output";

export function cancelCommand(): Command {
  return new Command("cancel")
    .description("end a sweep: its current run is torn down, its finished runs stay")
    .argument("<sweep>", "the sweep's id")
    .option("--json", "print JSON")
    .action(async (sweepId: string, { json = false }: { json?: boolean }) => {
      const [{ withClient }, { cancelSweep }] = await Promise.all([import("#cli/client"), import("#cli/sweep-client")]);
      await withClient((client) => cancelSweep(client, sweepId));
      note(`cancelling ${sweepId}; see it end with: meshbench watch ${sweepId}`);
      printData(json, { sweep_id: sweepId, status: "CANCELLING" }, "");
    });
}
