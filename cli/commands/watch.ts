/** `meshbench watch ID`: follow a sweep that is under way. */

import { Command } from "commander";

export function watchCommand(): Command {
  return new Command("watch")
    .description("follow a sweep that is under way; Ctrl-C stops watching, the sweep goes on")
    .argument("<sweep>", "the sweep's id")
    .option("--json", "print the rows as JSON when it has ended")
    .action(async (sweepId: string, { json = false }: { json?: boolean }) => {
      const [{ withClient }, { followToEnd }] = await Promise.all([
        import("#cli/client"),
        import("#cli/follow-to-end"),
      ]);
      process.exitCode = await withClient((client) => followToEnd(client, sweepId, { onInterrupt: "detach", json }));
    });
}
