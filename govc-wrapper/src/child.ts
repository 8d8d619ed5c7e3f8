/** One run of govc: a child process in a group of its own, which ends with its time limit or its signal. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";

export interface ChildCall {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** All of it: nothing of this process's own environment goes along. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ChildEnd {
  /** `null` where a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Why it was killed, if we did. */
  readonly killedFor?: "timeout" | "output";
}

/** Far above any answer; more means that something is broken, and must not fill the memory. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/**
 * Resolves when the child is gone, also where it was killed.
 * @throws What the operating system says where it cannot be started; the signal's reason where that aborted it.
 */
export async function runChild({ program, args, cwd, env, timeoutMs, signal }: ChildCall): Promise<ChildEnd> {
  signal?.throwIfAborted();
  // A group of its own: a terminal's Ctrl-C is ours to pass on, and whatever govc starts is killed with it.
  const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  let killedFor: ChildEnd["killedFor"];
  const killFor = (reason: ChildEnd["killedFor"]) => {
    killedFor ??= reason;
    killGroup(child);
  };
  const onAbort = () => killGroup(child);
  const timer = setTimeout(() => killFor("timeout"), timeoutMs);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const output = collectOutput(child, () => killFor("output"));
    const exitCode = await exitOf(child);
    // Not before the child is gone: the caller may look at once what it did.
    signal?.throwIfAborted();
    return { exitCode, ...output(), ...(killedFor && { killedFor }) };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

function collectOutput(child: ChildProcess, onTooMuch: () => void): () => { stdout: string; stderr: string } {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let bytes = 0;
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > MAX_OUTPUT_BYTES) onTooMuch();
      else chunks[name].push(chunk);
    });
  }
  return () => ({ stdout: Buffer.concat(chunks.stdout).toString(), stderr: Buffer.concat(chunks.stderr).toString() });
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    // `close`, not `exit`: the pipes are read to their end then.
    child.once("close", (exitCode) => resolve(exitCode));
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // It ended by itself in this moment.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
