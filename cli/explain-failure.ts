/** What a command says of what it threw, and the exit code that follows. */

import { note } from "#cli/output";
import { BenchError, EXIT, InputError, UnavailableError } from "#model/errors";
import { maskSecrets } from "#model/mask-secrets";

/** Says what went wrong, and answers the exit code for it. Only a bug shows a stack. */
export function explainFailure(error: unknown): number {
  if (error instanceof InputError) {
    note(error.message);
    return EXIT.usage;
  }
  if (error instanceof UnavailableError) {
    note(`error: ${error.message}; ${error.hint}`);
    return EXIT.unavailable;
  }
  if (error instanceof BenchError) {
    note(`error: ${error.reason}`);
    return EXIT.error;
  }
  note(`This is a bug in Meshbench, please report it with the lines below.`);
  note(maskSecrets(error instanceof Error ? (error.stack ?? error.message) : String(error)));
  return EXIT.error;
}
