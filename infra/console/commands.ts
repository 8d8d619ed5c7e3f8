/** Other programs, run with their output kept: shown as a step's progress, and quoted when they fail. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import type { Step } from "#infra/console/steps";

const TAIL_LINES = 15;

export interface CommandOptions {
  /** Gets the newest line of output. */
  readonly step?: Step;
  /** Replaces the environment. */
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** SIGKILL after this. */
  readonly limitSec?: number;
  /**
   * Ends with this process, and all that it has started with it: for programs that mount or serve while they work. Not for
   * `sudo`, which asks on the terminal that a group of its own does not have.
   */
  readonly ownGroup?: boolean;
}

/** A program that failed: what was run, how it ended, its last lines. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/**
 * Runs a program to its end.
 * @returns What it printed on stdout.
 * @throws {CommandError} It cannot be started, fails, or takes too long.
 */
export async function runCommand(
  program: string,
  args: readonly string[],
  { step, env, cwd, limitSec, ownGroup = false }: CommandOptions = {},
): Promise<string> {
  const limit = limitSec === undefined ? undefined : AbortSignal.timeout(limitSec * 1000);
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    killSignal: "SIGKILL",
    detached: ownGroup,
    ...(limit && { signal: limit }),
    ...(env && { env }),
    ...(cwd !== undefined && { cwd }),
  });
  const endWithUs = ownGroup ? endGroupWithUs(child) : undefined;
  const stdout: string[] = [];
  const tail: string[] = [];
  const keep = (line: string) => {
    if (tail.push(line) > TAIL_LINES) tail.shift();
    step?.detail(line);
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    stdout.push(line);
    keep(line);
  });
  createInterface({ input: child.stderr }).on("line", keep);
  const ending = await new Promise<string | undefined>((resolve) => {
    child.once("error", (error) => resolve(limit?.aborted ? `took over ${limitSec} s` : error.message));
    child.once("close", (code, killedBy) => resolve(code === 0 ? undefined : `exit ${killedBy ?? code}`));
  });
  endWithUs?.();
  if (ending !== undefined) {
    const lines = [`${showCommand(program, args)}: ${ending}`, ...tail.map((line) => `  ${line}`)];
    throw new CommandError(lines.join("\n"));
  }
  return stdout.join("\n");
}

const ENDINGS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** @returns To be called when the child has ended: a signal that came meanwhile then ends this process, as it was meant to. */
function endGroupWithUs({ pid }: ChildProcess): () => void {
  let received: NodeJS.Signals | undefined;
  const passOn = (signal: NodeJS.Signals) => {
    received = signal;
    if (pid !== undefined) process.kill(-pid, "SIGTERM");
  };
  for (const signal of ENDINGS) process.on(signal, passOn);
  return () => {
    for (const signal of ENDINGS) process.off(signal, passOn);
    if (received !== undefined) process.kill(process.pid, received);
  };
}

/** As a user could type it. */
export function showCommand(program: string, args: readonly string[]): string {
  return [program, ...args]
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(" ");
}

/** System programs are not on every user's PATH. */
const SYSTEM_DIRS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

export function pathWithSystemPrograms(env: NodeJS.ProcessEnv = process.env): string {
  return [...(env["PATH"] ?? "").split(delimiter).filter(Boolean), ...SYSTEM_DIRS].join(delimiter);
}

/** @returns The program's path, or `undefined` where it is not installed. */
export function findProgram(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const dirs = pathWithSystemPrograms(env).split(delimiter);
  return dirs.map((dir) => join(dir, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
