/** What one unquoted word means, the same in a spec file, a `--set` and a comment. */

const INTEGER = /^(?:0|-?[1-9]\d*)$/;
const DECIMAL = /^-?(?:0|[1-9]\d*)\.\d+$/;
/** Longer ones are never read as numbers: parsing them is slow, and no field takes them. */
const LONGEST_NUMBER = 40;

/**
 * Numbers are plain decimals and nothing else. `1e2`, `0x0f` and `007` stay texts, so that a field that wants a number
 * refuses them by what was written, instead of measuring what a parser made of it.
 * @returns A bigint where the integer is not a safe one: no field takes it, and the message shows all its digits.
 */
export function readScalar(text: string): string | number | bigint | boolean | null {
  if (text === "" || text === "null" || text === "~") return null;
  if (text === "true" || text === "false") return text === "true";
  if (text.length > LONGEST_NUMBER) return text;
  if (DECIMAL.test(text)) return Number(text);
  if (!INTEGER.test(text)) return text;
  return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
}
