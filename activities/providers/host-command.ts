/** Short programs of this machine, such as `ip`: argument arrays, a time limit, and a failure that says what was run. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { BenchError } from "#model/errors";

const LIMIT_MS = 20_000;
const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;
const execute = promisify(execFile);

/** A program that ran and failed. */
export class HostCommandError extends Error {
  override readonly name = "HostCommandError";
  /** Its own words, trimmed. */
  readonly complaint: string;

  constructor(command: string, complaint: string, options?: ErrorOptions) {
    super(`${command}: ${complaint}`, options);
    this.complaint = complaint;
  }
}

/**
 * Never cut short from outside: what it makes is there or not when it returns.
 * @returns What it printed on stdout.
 * @throws {HostCommandError}
 * @throws {BenchError} `engine unavailable` where this machine has no such program.
 */
export async function runHostCommand(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await execute(program, args, {
      timeout: LIMIT_MS,
      killSignal: "SIGKILL",
      maxBuffer: OUTPUT_LIMIT_BYTES,
      env: { ...process.env, LC_ALL: "C" },
    });
    return stdout;
  } catch (error) {
    throw explainCommand(program, args, error);
  }
}

interface ExecError extends Error {
  readonly code?: string | number;
  readonly killed?: boolean;
  readonly stderr?: string;
}

function explainCommand(program: string, args: readonly string[], error: unknown): Error {
  const { code, killed, stderr, message } = error as ExecError;
  if (code === "ENOENT") {
    return new BenchError("engine unavailable", `${program} is not installed here`, {}, { cause: error });
  }
  const complaint = killed === true ? `no end within ${LIMIT_MS} ms` : stderr?.trim() || message;
  return new HostCommandError([program, ...args].join(" "), complaint, { cause: error });
}

/** Creates something; that it is there already is fine. */
export async function createUnlessThere(program: string, args: readonly string[]): Promise<void> {
  await allowing(/file exists/i, runHostCommand(program, args));
}

/** Removes something; that it is gone already is fine. */
export async function removeIfThere(program: string, args: readonly string[]): Promise<void> {
  await allowing(/cannot find device|no such (?:file|device)/i, runHostCommand(program, args));
}

async function allowing(complaint: RegExp, command: Promise<unknown>): Promise<void> {
  try {
    await command;
  } catch (error) {
    if (!(error instanceof HostCommandError && complaint.test(error.complaint))) throw error;
  }
}
