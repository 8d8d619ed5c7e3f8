/** `meshbench queue`: who has each host, who waits for it, for what, and about how long. */

import { Command } from "commander";
import { alignColumns, printData } from "#cli/output";
import type { HostQueueView, Prospect } from "#model/host-outlook";

export function queueCommand(): Command {
  return new Command("queue")
    .description("who has each host, who waits for it, why, and about how long")
    .option("--json", "print JSON")
    .action(async ({ json = false }: { json?: boolean }) => {
      const { readHostQueues } = await import("#cli/host-queues");
      const queues = await readHostQueues();
      printData(json, queues, queueTable(queues));
    });
}

const HEADER = ["HOST", "PLACE", "WHO", "SINCE", "STARTS ABOUT", "WAITS FOR"];

export function queueTable(queues: readonly { host: string; queue: HostQueueView | null }[]): string {
  return alignColumns([HEADER, ...queues.flatMap(({ host, queue }) => rowsOf(host, queue))]);
}

function rowsOf(host: string, queue: HostQueueView | null): string[][] {
  if (queue === null) return [[host, "free", "", "", "", ""]];
  const { line, prospects } = queue;
  return [hostRow(queue), ...prospects.map((prospect, i) => waitingRow(host, prospect, line[i]?.wanted?.since))];
}

function hostRow({ host, now }: HostQueueView): string[] {
  switch (now.state) {
    case "free":
      return [host, "free", "", "", "", ""];
    case "leased":
      return [host, "measures", now.holder, now.since, "", ""];
    case "draining":
      return [host, "draining", "", now.since, "", now.left.join("; ")];
  }
}

const waitingRow = (
  host: string,
  { owner, holder, position, waitingFor, estimatedStartAt }: Prospect,
  since = "",
): string[] => [host, position?.toString() ?? "paused", holder ?? owner, since, estimatedStartAt ?? "", waitingFor];
