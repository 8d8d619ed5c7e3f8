/** Reads a small text file that a user named, whatever it turns out to be. Never blocks and never reads more than it may. */

import { constants } from "node:fs";
import type { Stats } from "node:fs";
import { open } from "node:fs/promises";
import { InputError } from "#model/errors";
import { formatMemory } from "#model/units";

const LIMIT_MIB = 1;
const LIMIT_BYTES = LIMIT_MIB * 2 ** 20;
const BYTE_ORDER_MARK = "\uFEFF";

const REASON_BY_CODE: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file: a part of the path is no directory",
  EACCES: "no permission to read it",
  EPERM: "no permission to read it",
  EISDIR: "is a directory",
  ELOOP: "too many symbolic links",
  ENAMETOOLONG: "path too long",
  ENXIO: "is no regular file",
  ERR_INVALID_ARG_VALUE: "no valid path",
};

/** @throws {InputError} With the path and the reason, for `field`. */
export async function readTextFile(path: string, field: string, hint?: string): Promise<string> {
  const refuse = (rule: string) => new InputError([{ field, value: path, rule, ...(hint !== undefined && { hint }) }]);
  // Without O_NONBLOCK opening a FIFO waits for a writer, maybe for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    throw refuse(REASON_BY_CODE[error.code ?? ""] ?? `cannot be read (${error.code ?? error.message})`);
  });
  try {
    const problem = problemOf(await file.stat());
    if (problem !== undefined) throw refuse(problem);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(LIMIT_BYTES + 1), 0, LIMIT_BYTES + 1, 0);
    if (bytesRead > LIMIT_BYTES) throw refuse(`grew past the limit of ${formatMemory(LIMIT_MIB)}`);
    return decode(buffer.subarray(0, bytesRead), refuse);
  } finally {
    await file.close();
  }
}

function problemOf(stats: Stats): string | undefined {
  if (stats.isDirectory()) return "is a directory";
  if (!stats.isFile()) return "is no regular file";
  if (stats.size <= LIMIT_BYTES) return undefined;
  return `${formatMemory(stats.size / 2 ** 20)}; limit ${formatMemory(LIMIT_MIB)}`;
}

function decode(bytes: Uint8Array, refuse: (rule: string) => InputError): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse("is not UTF-8");
  }
  if (text.startsWith(BYTE_ORDER_MARK)) throw refuse("starts with a byte order mark; save it as UTF-8 without one");
  if (text.trim() === "") throw refuse("is empty");
  return text;
}
