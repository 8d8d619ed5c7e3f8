/** All marks of one host together: a run acts on the host only while every one of them is its own. */

import { isInTheWay } from "#activities/fence/fence-mark";
import type { FenceClaim, FenceHolder, FenceMark } from "#activities/fence/fence-mark";
import { providerKeyOf } from "#activities/providers/provider";
import type { NodeProvider } from "#activities/providers/provider";
import { sleep } from "#activities/timing";
import { BenchError } from "#model/errors";
import type { RunSpec } from "#model/run";
import { isPastDeadline } from "#model/reaping";

export interface FencedHost {
  readonly host: string;
  readonly providers: ReadonlyMap<string, NodeProvider>;
  /** See `FenceClaim`. */
  readonly domain: string;
  /** Of a run on this host, the same for all who have the host's secret, whatever becomes of Temporal's data. */
  readonly fenceToken: (runId: string) => string;
  readonly machineFence: FenceMark;
}

/** In milliseconds. */
export interface FenceTiming {
  /** Who has the host is asked about this often. */
  readonly fencePollMs: number;
  /** Then the run fails: its fresh run waits in line, where there is no limit. */
  readonly fenceWaitMs: number;
}

export class HostFence {
  readonly #host: FencedHost;

  constructor(host: FencedHost) {
    this.#host = host;
  }

  /**
   * Waits for whoever has the host now. Safe to repeat, by any worker of the domain.
   * @throws {BenchError} `fenced`, with who has it and until when.
   */
  async take(run: RunSpec, deadlineAt: string, timing: FenceTiming, signal: AbortSignal): Promise<void> {
    const engineId = await this.#host.providers.get(providerKeyOf(run.environment))?.fence?.engineId();
    const claim = { ...this.#claimOf(run, deadlineAt), ...(engineId !== undefined && { engineId }) };
    const startedMs = performance.now();
    for (;;) {
      const holder = await takeAll(this.#marksOf(run), claim, signal);
      if (holder === undefined) return;
      if (await this.#giveUpAbandoned(holder)) continue;
      if (performance.now() - startedMs > timing.fenceWaitMs) throw fencedBy(holder, claim);
      // Of two that ask in step, neither would ever get it.
      await sleep(timing.fencePollMs * (0.5 + Math.random()), signal);
    }
  }

  /**
   * Before anything is created or started: a worker that stood still may have lost the host meanwhile.
   * @throws {BenchError} `fenced`
   */
  async check(run: RunSpec): Promise<void> {
    const { token } = this.#claimOf(run, "");
    const { host } = this.#host;
    const answers = await Promise.all(this.#marksOf(run).map((mark) => mark.holds(token)));
    if (answers.includes(false)) throw new BenchError("fenced", "this run has the host no longer", { host });
  }

  /** Whoever has the host, or a mark that nobody took away. */
  async list(): Promise<FenceHolder[]> {
    return (await Promise.all(this.#marks().map((mark) => mark.list()))).flat();
  }

  /** A run that measures on the machine now, whosever it is. */
  async findHolder(): Promise<FenceHolder | undefined> {
    const now = new Date();
    // The machine's own mark first: as long as that is there, no engine is asked beside a run.
    for (const mark of this.#marks()) {
      const holder = (await mark.list()).find(({ deadlineAt }) => !isPastDeadline(deadlineAt, now));
      if (holder !== undefined) return holder;
    }
    return undefined;
  }

  /**
   * Runs that only their marks are left of: their worker is gone, and so are their nodes, as the engine says that would
   * have them. Whoever cleans up by labels knows nothing of files.
   */
  async listAbandonedRuns(): Promise<string[]> {
    const orphans = (await this.#host.machineFence.list()).filter((one) => one.deadOwnerEngineId !== undefined);
    if (orphans.length === 0) return [];
    const runsByEngine = await this.#runsByEngine();
    return orphans
      .filter(({ deadOwnerEngineId = "", runId }) => runsByEngine.get(deadOwnerEngineId)?.has(runId) === false)
      .map(({ runId }) => runId);
  }

  /** Whether an installation with another secret measures a run of the same id here: then its nodes are not ours. */
  async isAnothers(runId: string): Promise<boolean> {
    const token = this.#host.fenceToken(runId);
    const now = new Date();
    return (await this.list()).some(
      (holder) => holder.runId === runId && holder.token !== token && !isPastDeadline(holder.deadlineAt, now),
    );
  }

  /** The last thing a run does to a host. */
  async release(runId: string): Promise<void> {
    for (const mark of this.#marks()) await mark.release(runId);
  }

  /** Whether a run of this host would have to wait for it. */
  blocks(holder: FenceHolder, now: Date): boolean {
    return isInTheWay(holder, this.#host) && !isPastDeadline(holder.deadlineAt, now);
  }

  async #giveUpAbandoned({ runId }: FenceHolder): Promise<boolean> {
    if (!(await this.listAbandonedRuns()).includes(runId)) return false;
    await this.release(runId);
    // Another user's files cannot be removed.
    return (await this.list()).every((other) => other.runId !== runId);
  }

  /** Of which runs there is anything, by engine. */
  async #runsByEngine(): Promise<Map<string, ReadonlySet<string>>> {
    const runs = new Map<string, ReadonlySet<string>>();
    for (const provider of this.#host.providers.values()) {
      if (provider.fence === undefined) continue;
      const labelled = await provider.listLabelled();
      runs.set(await provider.fence.engineId(), new Set(labelled.map(({ runId }) => runId)));
    }
    return runs;
  }

  /** The machine's mark holds for every provider; an engine's, also for workers on other machines. */
  #marksOf({ environment }: RunSpec): FenceMark[] {
    const engineFence = this.#host.providers.get(providerKeyOf(environment))?.fence;
    return [this.#host.machineFence, ...(engineFence ? [engineFence] : [])];
  }

  #marks(): FenceMark[] {
    const engineFences = [...this.#host.providers.values()].map(({ fence }) => fence);
    return [this.#host.machineFence, ...engineFences.filter((fence) => fence !== undefined)];
  }

  #claimOf({ runId, environment }: RunSpec, deadlineAt: string): FenceClaim {
    const { host, domain, fenceToken } = this.#host;
    return { runId, host, deadlineAt, domain, token: fenceToken(runId), imageDigest: environment.imageDigest };
  }
}

/** All or none, always in the same order, so that two runs cannot wait for each other. */
async function takeAll(
  marks: readonly FenceMark[],
  claim: FenceClaim,
  signal: AbortSignal,
): Promise<FenceHolder | undefined> {
  const taken: FenceMark[] = [];
  for (const mark of marks) {
    const holder = await mark.take(claim, signal);
    if (holder === undefined) {
      taken.push(mark);
      continue;
    }
    for (const other of taken) await other.release(claim.runId);
    return holder;
  }
  return undefined;
}

function fencedBy({ runId, host: holderHost, deadlineAt, where }: FenceHolder, { host }: FenceClaim): BenchError {
  const who = runId === "" ? "somebody" : `run ${runId} of another installation's host ${holderHost}`;
  const until = deadlineAt === "" ? "for as long as that is there" : `until ${deadlineAt} at the latest`;
  return new BenchError("fenced", `${who} has this machine ${until} (${where})`, { host });
}
