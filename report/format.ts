/** Numbers as people read them. */

const NARROW_NO_BREAK_SPACE = "\u202F";

/** `60000` → `60 000`, with a space that no line breaks at; fractions stay as they are. */
export const formatCount = (value: number): string =>
  Number.isInteger(value) ? String(value).replaceAll(/\B(?=(?:\d{3})+$)/g, NARROW_NO_BREAK_SPACE) : String(value);

/** Three digits that matter, and never more than three decimals: `0.023`, `1.23`, `12.3`, `123`. */
export function formatFigure(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.95) return value.toFixed(0);
  if (size >= 9.995) return value.toFixed(1);
  return value.toFixed(size >= 0.9995 ? 2 : 3);
}

/** Text from outside on one line: control characters, which could move a terminal's cursor, become `�`. */
export const printable = (text: string): string =>
  text.replaceAll(/\s+/g, " ").replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu, "�");
