/** `meshbench pause ID`: start no further run of a sweep until it is resumed. */

import { Command } from "commander";
import { note, printData } from "#cli/output";

export function pauseCommand(): Command {
  return new Command("pause")
    .description("start no further run of a sweep; its current one ends as usual, others may pass")
    .argument("<sweep>", "the sweep's id")
    .option("--json", "print JSON")
    .action(async (sweepId: string, { json = false }: { json?: boolean }) => {
      const [{ withClient }, { pauseSweep }, { requireOpenSweep }] = await Promise.all([
        import("#cli/client"),
        import("#cli/sweep-requests"),
        import("#cli/sweep-client"),
      ]);
      const { runsLeft, wasPaused } = await withClient(async (client) => {
        await requireOpenSweep(client, sweepId);
        return pauseSweep(client, sweepId);
      });
      const what = wasPaused ? "is paused already" : "is paused, its current run ends as usual";
      note(`${sweepId} ${what}; ${runsLeft} runs left, which go on with: meshbench resume ${sweepId}`);
      printData(json, { sweep_id: sweepId, status: "PAUSED", runs_left: runsLeft }, "");
    });
}
