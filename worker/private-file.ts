/** Files that only their owner may read: the operator's settings and secrets. */

import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { InputError } from "#model/errors";

const LIMIT_BYTES = 2 ** 20;
const OTHERS = 0o077;

/**
 * @param field - For messages: what the file is.
 * @returns `undefined` where there is no such file.
 * @throws {InputError} Where others may read it, or it is no text file of 1 MiB at most. Its content is in no message.
 */
export function readPrivateFile(path: string, field: string): string | undefined {
  const refuse = (rule: string, hint?: string) =>
    new InputError([{ field, value: path, rule, ...(hint !== undefined && { hint }) }]);
  const file = openQuietly(path, refuse);
  if (file === undefined) return undefined;
  try {
    const stats = fstatSync(file);
    if (stats.isDirectory()) throw refuse("is a directory");
    if (!stats.isFile()) throw refuse("is no regular file");
    if ((stats.mode & OTHERS) !== 0) {
      const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
      throw refuse(`mode ${mode}: others may use it; must be 0600`, `chmod 600 ${path}`);
    }
    if (stats.size > LIMIT_BYTES) throw refuse("is larger than 1 MiB");
    return decode(readFileSync(file), refuse);
  } finally {
    closeSync(file);
  }
}

type Refuse = (rule: string, hint?: string) => InputError;

function openQuietly(path: string, refuse: Refuse): number | undefined {
  try {
    // Opening a pipe must not wait for its writer; a link could name a file that others can change.
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "ENOENT") return undefined;
    throw refuse(code === "ELOOP" ? "is a symbolic link" : `cannot be read: ${code}`);
  }
}

function decode(bytes: Uint8Array, refuse: Refuse): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse("is not UTF-8");
  }
  if (text.startsWith("\uFEFF")) throw refuse("starts with a byte order mark", "save it as UTF-8 without one");
  if (text.trim() === "") throw refuse("is empty");
  return text;
}
