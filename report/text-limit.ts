/** Texts as long as GitHub takes them: of one that is too long the longest parts lose their last lines, and it says so. */

/**
 * Of a comment's or a check's text, in UTF-8. GitHub refuses a summary of more than 65 535 bytes and a comment of more than
 * as many characters, for good; what is left is for a mark that is added.
 */
export const TEXT_LONGEST_BYTES = 65_000;

export interface TextPart {
  /** What the note calls it, where it was cut. */
  readonly name: string;
  readonly text: string;
  /** Goes around what is left of the text. */
  readonly frame?: (text: string) => string;
}

const SEPARATOR = "\n\n";
const NOTE_MOST_BYTES = 500;

/**
 * The parts below each other; those without text are left out.
 * @param remedy - Where the whole is to be had: the end of a sentence.
 */
export function fitText(parts: readonly TextPart[], remedy: string): string {
  const filled = parts.filter(({ text }) => text !== "");
  const whole = filled.map((part) => framed(part, part.text)).join(SEPARATOR);
  if (bytesOf(whole) <= TEXT_LONGEST_BYTES) return whole;

  const sizes = filled.map(({ text }) => bytesOf(text));
  const around = bytesOf(whole) - sizes.reduce((sum, size) => sum + size, 0);
  const most = levelOf(sizes, TEXT_LONGEST_BYTES - around - NOTE_MOST_BYTES);
  const cuts = filled.map((part) => ({ part, cut: cutLines(part.text, most) }));
  const losses = cuts.flatMap(({ part, cut }) => (cut.linesCut > 0 ? [`${cut.linesCut} lines of ${part.name}`] : []));
  const note = `_Cut, since GitHub takes no more: ${losses.join(", ")}; ${remedy}_`;
  return [...cuts.map(({ part, cut }) => framed(part, cut.text)), note].join(SEPARATOR);
}

/**
 * Whole lines from the beginning; a block of code that is cut is closed.
 * @param mostBytes - Of the result.
 */
export function cutLines(text: string, mostBytes: number): { readonly text: string; readonly linesCut: number } {
  if (bytesOf(text) <= mostBytes) return { text, linesCut: 0 };
  const lines = text.split("\n");
  let left = mostBytes - bytesOf("…\n```");
  const kept = lines.findIndex((line) => (left -= bytesOf(line) + 1) < 0);
  const shown = lines.slice(0, kept);
  const isOpen = shown.filter((line) => line.startsWith("```")).length % 2 === 1;
  return { text: [...shown, "…", ...(isOpen ? ["```"] : [])].join("\n"), linesCut: lines.length - kept };
}

/** The size that the larger ones are cut down to, so that together there is room for all. */
function levelOf(sizes: readonly number[], room: number): number {
  let left = room;
  for (const [i, size] of sizes.toSorted((a, b) => a - b).entries()) {
    const equalShare = Math.floor(left / (sizes.length - i));
    if (size > equalShare) return equalShare;
    left -= size;
  }
  return Infinity;
}

const framed = ({ frame }: TextPart, text: string): string => (frame === undefined ? text : frame(text));

const bytesOf = (text: string): number => Buffer.byteLength(text);
