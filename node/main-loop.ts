/** The loop whose duration is measured. */

import type { Client } from "#model/spec";
import { runBatchedLoop } from "#node/batched-loop";
import { runLiteralLoop } from "#node/literal-loop";
import type { LoopInput } from "#node/loop";

/**
 * Inserts all tuples of the schedule, locally and at the peers; resolves with the last acknowledgement.
 * @throws {BenchError} What a database answered instead, or that it is gone.
 */
export const runMainLoop = (client: Client, input: LoopInput): Promise<void> =>
  client === "literal" ? runLiteralLoop(input) : runBatchedLoop(input);
