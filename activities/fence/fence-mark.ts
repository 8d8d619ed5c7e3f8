/** A mark on a host itself that says which run has it, also to installations that know nothing of each other. */

import type { Leftover } from "#model/reaping";

export interface FenceClaim {
  readonly runId: string;
  readonly host: string;
  /** UTC, ISO 8601: whoever comes later takes the mark over. */
  readonly deadlineAt: string;
  /** Whose queues keep runs on different hosts apart: those of one Temporal namespace. */
  readonly domain: string;
  /** Of this run on this host, whichever worker acts for it; another installation's run of the same id has another. */
  readonly token: string;
  /** Content digest of the run's node image. */
  readonly imageDigest: string;
  /** The engine that the run's nodes are made by, where it has a mark of its own. */
  readonly engineId?: string;
}

/** Labels that are missing are empty. */
export interface FenceHolder extends Leftover {
  readonly token: string;
  /** For people: `container meshbench-lease`. */
  readonly where: string;
  /** Runs of this domain on its other hosts may measure beside it; absent: nobody may. */
  readonly sharedWithDomain?: string;
  /** Where the worker that took it ran on this machine and is gone: the engine that tells whether its nodes are, too. */
  readonly deadOwnerEngineId?: string;
}

export interface FenceMark {
  /**
   * Sets the mark, or finds that it is set for this claim already. One whose deadline is over is replaced.
   * @returns Who is in the way; nothing of this claim is left then.
   */
  take(claim: FenceClaim, signal: AbortSignal): Promise<FenceHolder | undefined>;

  /** Whether the mark is still set for this token, and its deadline not over. */
  holds(token: string): Promise<boolean>;

  /** Whoever has it, those whose deadline is over included. */
  list(): Promise<FenceHolder[]>;

  /** Takes away the run's mark, if there is one. */
  release(runId: string): Promise<void>;
}

/** Of an engine that more than one machine or installation may use. */
export interface EngineFence extends FenceMark {
  /** The same for everybody who uses the engine. */
  engineId(): Promise<string>;
}

/** Whether a run of `domain` on `host` has to wait for this holder. */
export function isInTheWay(holder: FenceHolder, { domain, host }: Pick<FenceClaim, "domain" | "host">): boolean {
  return holder.sharedWithDomain === undefined || holder.sharedWithDomain !== domain || holder.host === host;
}
