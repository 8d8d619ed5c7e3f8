/** `meshbench logs RUN [NODE]`: what the nodes of a run printed, while they live or as they were kept. */

import { Command } from "commander";
import { note, printData } from "#cli/output";
import { InputError } from "#model/errors";

export function logsCommand(): Command {
  return new Command("logs")
    .description("what the nodes of a run printed")
    .argument("<run>", "the run's id")
    .argument("[node]", "one node's index, from 1; all without it")
    .option("--json", "print JSON")
    .action(async (runId: string, nodeText: string | undefined, { json = false }: { json?: boolean }) => {
      const node = nodeText === undefined ? undefined : parseNodeIndex(nodeText);
      const { readRunLogs } = await import("#cli/run-logs");
      const logs = await readRunLogs(runId, node);
      if (json) {
        const data = logs.map(({ nodeIndex, text }) => ({ run_id: runId, node: nodeIndex, text }));
        return printData(true, data, "");
      }
      for (const { nodeIndex, text } of logs) {
        note(`--- node ${nodeIndex} of ${runId}`);
        printData(false, text, text);
      }
    });
}

function parseNodeIndex(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new InputError([{ field: "NODE", value: text, rule: "must be a node's index, an integer from 1" }]);
}
