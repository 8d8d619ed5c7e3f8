/** `meshbench queue`: who has each host, and who waits for it. */

import { Command } from "commander";
import { alignColumns, printData } from "#cli/output";
import type { HostQueue } from "#model/host-queue";

export function queueCommand(): Command {
  return new Command("queue")
    .description("who has each host, who waits for it, and since when")
    .option("--json", "print JSON")
    .action(async ({ json = false }: { json?: boolean }) => {
      const { readHostQueues } = await import("#cli/host-queues");
      const queues = await readHostQueues();
      const table = [["HOST", "PLACE", "WHO", "SINCE"], ...queues.flatMap(({ host, queue }) => describe(host, queue))];
      printData(json, queues, alignColumns(table));
    });
}

function describe(host: string, queue: HostQueue | null): string[][] {
  if (queue === null) return [[host, "free", "", ""]];
  const { now, line } = queue;
  const holder = now.state === "leased" ? [host, "measures", now.holder, now.since] : [host, now.state, "", ""];
  return [holder, ...line.map(({ owner, arrivedAt }, i) => [host, String(i + 1), owner, arrivedAt])];
}
