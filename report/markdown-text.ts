/** Pieces of Markdown, safe with text from outside. */

import { printable } from "#report/format";

/** A heading and its text; nothing where there is no text. */
export const section = (heading: string, text: string): string[] => (text === "" ? [] : [`## ${heading}`, text]);

/** @param isNumber - By column: numbers stand at the right. */
export function table(
  head: readonly string[],
  lines: readonly (readonly string[])[],
  isNumber: readonly boolean[] = [],
): string {
  if (lines.length === 0) return "";
  const rule = head.map((_, i) => (isNumber[i] ? "--:" : "---"));
  return [head, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

export const list = (items: readonly string[]): string => items.map((item) => `- ${item}`).join("\n");

/** Text that stays text: no markup, no HTML, and nobody is mentioned. */
export const inline = (text: string): string =>
  printable(text)
    .replaceAll(/[\\`*_[\]<>|#~]/g, String.raw`\$&`)
    .replaceAll("@", "@\u200B");

/** Text from outside, where no mention, link or markup works; also inside a table. */
export function code(text: string): string {
  const line = printable(text).replaceAll("|", String.raw`\|`);
  const longest = Math.max(0, ...[...line.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  return longest === 0 ? `${fence}${line}${fence}` : `${fence} ${line} ${fence}`;
}
