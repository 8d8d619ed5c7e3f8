/** `meshbench watch ID`: follow a sweep that is under way. */

import { Command } from "commander";
import { endedExitCode, printSweep } from "#cli/ended-sweep";
import { followSweep } from "#cli/follow";
import { requireSweep } from "#cli/results";
import { EXIT } from "#model/errors";
import { connectClient } from "#worker/temporal-connection";

export function watchCommand(): Command {
  return new Command("watch")
    .description("follow a sweep that is under way; Ctrl-C stops watching, the sweep goes on")
    .argument("<sweep>", "the sweep's id")
    .option("--json", "print the rows as JSON when it has ended")
    .action(async (sweepId: string, { json = false }: { json?: boolean }) => {
      await requireSweep(sweepId);
      const interrupted = new AbortController();
      process.once("SIGINT", () => interrupted.abort());
      const state = await followSweep(await connectClient(), sweepId, interrupted.signal);
      if (state !== "detached") await printSweep(sweepId, json);
      process.exitCode = state === "detached" ? EXIT.detached : await endedExitCode(sweepId);
    });
}
