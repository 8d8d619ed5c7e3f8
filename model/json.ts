/** JSON that somebody else wrote, and that may be none. */

/** @returns `undefined` where the text is no JSON: a shape to hold it against says what is wrong. */
export function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
