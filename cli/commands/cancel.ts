/** `meshbench cancel ID`: end a sweep; its current run is torn down, what is measured stays. */

import { Command } from "commander";
import { note } from "#cli/output";
import { cancelSweep } from "#cli/sweep-client";
import { connectClient } from "#worker/temporal-connection";

export function cancelCommand(): Command {
  return new Command("cancel")
    .description("end a sweep: its current run is torn down, its finished runs stay")
    .argument("<sweep>", "the sweep's id")
    .action(async (sweepId: string) => {
      await cancelSweep(await connectClient(), sweepId);
      note(`cancelling ${sweepId}; see it end with: meshbench watch ${sweepId}`);
    });
}
