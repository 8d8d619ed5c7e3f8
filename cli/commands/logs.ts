/** `meshbench logs RUN [NODE]`: what the nodes of a run printed, while they live or as they were kept. */

import { Command } from "commander";
import { note } from "#cli/output";
import { readRunLogs } from "#worker/wiring";
import { InputError } from "#model/errors";

export function logsCommand(): Command {
  return new Command("logs")
    .description("what the nodes of a run printed")
    .argument("<run>", "the run's id")
    .argument("[node]", "one node's index, from 1; all without it")
    .action(async (runId: string, nodeText: string | undefined) => {
      const node = nodeText === undefined ? undefined : parseNodeIndex(nodeText);
      for (const { nodeIndex, text } of await readRunLogs(runId, node)) {
        note(`--- node ${nodeIndex} of ${runId}`);
        process.stdout.write(text.endsWith("\n") || text === "" ? text : `${text}\n`);
      }
    });
}

function parseNodeIndex(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new InputError([{ field: "NODE", value: text, rule: "must be an integer 1..256" }]);
}
