/** A sweep in the foreground: its progress, what Ctrl-C does, and how the command ends. */

import type { Client } from "@temporalio/client";
import { concludeSweep } from "#cli/ended-sweep";
import { followSweep } from "#cli/follow";
import { note } from "#cli/output";
import { cancelSweep } from "#cli/sweep-client";
import { EXIT } from "#model/errors";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

interface ForegroundOptions {
  readonly onInterrupt: "detach" | "cancel";
  readonly json: boolean;
  /** Awaited first; an interrupt meanwhile is heeded afterwards. */
  readonly queue?: () => Promise<void>;
}

/** @returns The exit code. */
export async function followToEnd(
  client: Client,
  sweepId: string,
  { onInterrupt, json, queue }: ForegroundOptions,
): Promise<number> {
  const letGo = new AbortController();
  let isCancelling = false;
  const interrupt = () => {
    if (onInterrupt === "detach" || isCancelling) return letGo.abort();
    isCancelling = true;
    note(`cancelling ${sweepId} and waiting for its nodes to be removed; once more to stop waiting`);
    void queued.then(() => cancelSweep(client, sweepId)).catch(noteFailure);
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  const queued = queue?.() ?? Promise.resolve();
  try {
    await queued;
    const state = await followSweep(client, sweepId, letGo.signal);
    if (state !== "detached") return await concludeSweep(client, sweepId, state, { json });
    note(`detached; the sweep goes on. See it with: meshbench watch ${sweepId}`);
    return EXIT.detached;
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
}

const noteFailure = (error: unknown): void =>
  note(`could not cancel: ${error instanceof Error ? error.message : String(error)}`);
