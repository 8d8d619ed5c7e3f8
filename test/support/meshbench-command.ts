/** The `meshbench` command as a process of its own. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { join } from "node:path";

const CLI = join(import.meta.dirname, "..", "..", "cli", "main.ts");

export interface CommandResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly bytes: Buffer;
  readonly stderr: string;
  readonly tookSec: number;
}

export function runMeshbench(args: readonly string[], env: NodeJS.ProcessEnv): Promise<CommandResult> {
  return startMeshbench(args, env).finished;
}

/** @param within - A program that becomes the command, with its arguments, such as `nsenter`. */
export function startMeshbench(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  within: readonly string[] = [],
): RunningCommand {
  const [program = "", ...rest] = [...within, process.execPath, CLI, ...args];
  return new RunningCommand(spawn(program, rest, { env, stdio: ["ignore", "pipe", "pipe"] }));
}

export class RunningCommand {
  readonly finished: Promise<CommandResult>;
  readonly #child: ChildProcess;
  #stderr = "";
  #onStderr: () => void = () => {};

  constructor(child: ChildProcess) {
    const startedAt = performance.now();
    const stdout: Buffer[] = [];
    this.#child = child;
    child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr += chunk.toString("utf8");
      this.#onStderr();
    });
    this.finished = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode) => {
        const bytes = Buffer.concat(stdout);
        const tookSec = (performance.now() - startedAt) / 1000;
        resolve({ exitCode, bytes, stdout: bytes.toString("utf8"), stderr: this.#stderr, tookSec });
        this.#onStderr();
      });
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** As `head` does once it has its lines. */
  stopReading(): void {
    this.#child.stdout?.destroy();
  }

  /** @returns The match in what it said on stderr. @throws Where it ends without, or takes longer. */
  async says(pattern: RegExp, limitSec = 60): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${why} before it said ${pattern}; it said:\n${this.#stderr}`));
      const timer = setTimeout(() => fail(`${limitSec} s passed`), limitSec * 1000);
      this.#onStderr = () => {
        const match = pattern.exec(this.#stderr);
        const hasEnded = this.#child.exitCode !== null || this.#child.signalCode !== null;
        if (!match && !hasEnded) return;
        clearTimeout(timer);
        if (match) resolve(match);
        else fail("it ended");
      };
      this.#onStderr();
    });
  }

  /** The id that `run` says once its sweep is queued. */
  async sweepId(): Promise<string> {
    const [, sweepId = ""] = await this.says(/^queued (\S+):/m);
    return sweepId;
  }
}
