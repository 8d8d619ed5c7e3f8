/** `meshbench worker`: serve this host until told to stop. */

import { Command } from "commander";

export function workerCommand(): Command {
  return new Command("worker")
    .description("serve this host: run workflows and activities until SIGTERM")
    .action(async () => {
      const { runWorker } = await import("#worker/wiring");
      await runWorker();
    });
}
