/** The spelling that was probably meant. */

import { closestMatch } from "leven";

/** A typing slip changes about a third of a word at most; beyond that a suggestion would only mislead. */
const SLIP_SHARE = 1 / 3;
const LONGEST_WORD = 64;

/** @returns `did you mean nodes`, or `undefined` where nothing known is near. Letter case does not count. */
export function suggest(word: unknown, known: readonly string[]): string | undefined {
  if (typeof word !== "string" || word.length > LONGEST_WORD) return undefined;
  const wanted = word.trim().toLowerCase();
  const maxDistance = Math.max(1, Math.floor(wanted.length * SLIP_SHARE));
  const match = known.find((name) => name.toLowerCase() === wanted) ?? closestMatch(wanted, known, { maxDistance });
  return match === undefined ? undefined : `did you mean ${match}`;
}

/** Joins the parts of a message that are there: `rule; hint`. */
export const joinParts = (...parts: readonly (string | undefined)[]): string =>
  parts.filter((part) => part !== undefined).join("; ");
