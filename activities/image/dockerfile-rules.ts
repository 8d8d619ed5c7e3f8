/**
 * What a Dockerfile of others may say, so that building it needs no network: it begins with this version's node image, and
 * names nothing that the engine would fetch. What it runs, it runs in containers without network.
 */

/** The one image there is to begin with, as the build is given it. */
export const BASE_ARGUMENT = "MESHBENCH_NODE";

const ALLOWED = /^(?:FROM|ARG|COPY|RUN|ENV|LABEL|USER|WORKDIR|SHELL)$/;
const BASE = new RegExp(String.raw`^\$(?:\{${BASE_ARGUMENT}\}|${BASE_ARGUMENT})$`);
const ODD = [
  [/[^\t\n\x20-\x7e]/, "holds characters other than ASCII's, tab and line feed"],
  [/^\s*#\s*(?:escape|syntax|check)\s*=/im, "has a directive of the parser"],
  [/<</, "has a here-document"],
] as const;

/** @returns What is wrong with it, one line each; none where it may be built. */
export function complainAboutDockerfile(text: string): string[] {
  const odd = ODD.flatMap(([pattern, what]) => (pattern.test(text) ? [what] : []));
  if (odd.length > 0) return odd;
  const stages: string[][] = [];
  return instructionsOf(text).flatMap((line) => complainAboutInstruction(line, stages));
}

/** As the engine reads it: lines of comment and blank ones go first, then a single backslash joins lines. */
function instructionsOf(text: string): string[] {
  const lines = text.split("\n").filter((line) => !/^\s*(?:#|$)/.test(line));
  const joined = lines.join("\n").replaceAll(/(^|[^\\])\\[ \t]*\n/gm, "$1");
  return joined.split("\n").map((line) => line.trim());
}

/** @param stages - What each that came before is called, its number first; grows. */
function complainAboutInstruction(line: string, stages: string[][]): string[] {
  const [word = "", ...rest] = line.split(/\s+/);
  const instruction = word.toUpperCase();
  if (!ALLOWED.test(instruction)) return [`${instruction} is not allowed`];
  if (instruction === "FROM") return complainAboutFrom(rest, stages);
  if (instruction !== "COPY") return [];
  // The engine has no stage of a name before it has ended: it would look for an image.
  const earlier = stages.slice(0, -1);
  return rest
    .filter((flag) => flag.startsWith("--") && !isHarmless(flag, earlier))
    .map((flag) => `COPY ${flag} names no stage before it`);
}

/** The engine leaves quotes and backslashes out of a flag: what it reads is something else then. */
const isHarmless = (flag: string, stages: readonly string[][]): boolean =>
  !/["'\\]/.test(flag) && (!flag.startsWith("--from=") || isStage(flag.slice("--from=".length), stages));

function complainAboutFrom(words: readonly string[], stages: string[][]): string[] {
  const [image = "", as, name] = words;
  // Numbers are for COPY: here they would be an image's name.
  const isKnown = BASE.test(image) || (!/^\d/.test(image) && isStage(image, stages));
  stages.push([
    String(stages.length),
    ...(as?.toLowerCase() === "as" && name !== undefined ? [name.toLowerCase()] : []),
  ]);
  return isKnown ? [] : [`FROM ${image}: must be $${BASE_ARGUMENT}, or a stage before it`];
}

const isStage = (name: string, stages: readonly string[][]): boolean => stages.flat().includes(name.toLowerCase());
