/** What a command reads on a machine that is not this one: one activity there each. Nothing of it changes anything. */

import type { ResultsPage, ResultsQuestion } from "#model/results-question";
import { logsReading, resultsReading } from "#workflows/step-options";

export const readResultsWorkflow = (input: { question: ResultsQuestion; page: number }): Promise<ResultsPage> =>
  resultsReading.readResults(input);

/** @throws {ApplicationFailure} `node lost` where its host has neither the node nor a log that was kept of it. */
export const readNodeLogsWorkflow = ({
  host,
  ...node
}: {
  host: string;
  runId: string;
  nodeIndex: number;
}): Promise<{ text: string }> => logsReading(host).readNodeLogs(node);
