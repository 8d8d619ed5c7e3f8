/** What a comment is answered where its command cannot be carried out. */

import { InputError, UnavailableError } from "#model/errors";

/** @returns `undefined` for what is nobody's mistake: then the job fails, where an operator sees it. */
export function refusalText(error: unknown): string | undefined {
  // In a comment a parameter stands without its flag.
  if (error instanceof InputError) return error.message.replaceAll("--set ", "");
  if (error instanceof UnavailableError) return `${error.message}; ${error.hint}`;
  return undefined;
}
