/**
 * Calls of one ESXi host or vCenter. Whoever repeats one looks first at what is there: a call that was cut off may have
 * done its work, and a task that was begun goes on without us.
 */

import pRetry from "p-retry";
import { FoundOnce } from "#activities/found-once";
import type { DatastoreInfo, DatastorePath, GovcErrorKind, GovcOptions, VmInfo } from "#govc-wrapper";
import { Govc, GovcError } from "#govc-wrapper";
import { BenchError } from "#model/errors";
import type { FailureKind } from "#model/errors";

const RETRIES = { retries: 5, factor: 2 } as const;
/** Six seconds in all; what takes longer is for the step's own retries. */
const FIRST_PAUSE_MS = 200;

/** What was looked at changed meanwhile: look again. */
export class ChangedMeanwhileError extends Error {
  override readonly name = "ChangedMeanwhileError";
}

export const isGovcError = (error: unknown, ...kinds: readonly GovcErrorKind[]): error is GovcError =>
  error instanceof GovcError && kinds.includes(error.kind);

export class EsxiConnection {
  readonly hostId: string;
  readonly #firstPauseMs: number;
  readonly #govc: FoundOnce<Govc>;
  readonly #datastores: FoundOnce<DatastoreInfo[]>;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<VmInfo[]> | undefined;

  /** @param firstPauseMs - Before a call is repeated for the first time. */
  constructor(hostId: string, options: GovcOptions, firstPauseMs = FIRST_PAUSE_MS) {
    this.hostId = hostId;
    this.#firstPauseMs = firstPauseMs;
    this.#govc = new FoundOnce(() => Govc.open(options));
    this.#datastores = new FoundOnce(async () => (await this.govc()).datastore.list());
  }

  /** Sends nothing yet. */
  govc(): Promise<Govc> {
    return this.#govc.get();
  }

  /**
   * All VMs that this account may see, as they are after this was asked. Many that ask at once share an answer: one costs
   * the host as much as the other.
   */
  listVms(): Promise<VmInfo[]> {
    this.#next ??= this.#listAfter(this.#running);
    return this.#next;
  }

  /**
   * Repeats an action as long as the host stumbles. The action must be safe to repeat.
   * @throws {BenchError} What the host refused, or `esxi unavailable`.
   */
  async converge<T>(signal: AbortSignal | undefined, action: (govc: Govc) => Promise<T>): Promise<T> {
    try {
      return await pRetry(async () => action(await this.govc()), {
        ...RETRIES,
        minTimeout: this.#firstPauseMs,
        ...(signal && { signal }),
        shouldRetry: ({ error }) => isWorthRetrying(error),
      });
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /**
   * One call that makes something, within `converge`. The host goes on with it when its caller hangs up, so that a
   * cancelled one is waited for: the teardown that follows finds what was made.
   */
  async make<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    try {
      return await call();
    } finally {
      signal.throwIfAborted();
    }
  }

  /**
   * Asks the host for its datastores, once: call it within `converge`.
   * @param file - As vSphere writes it: `[datastore] folder/file`.
   * @returns `undefined` where it is no such text, or there is no such datastore.
   */
  async locate(file: string): Promise<DatastorePath | undefined> {
    const [, name, path] = /^\[(.+?)\] (.+)$/.exec(file) ?? [];
    const datastore = (await this.#datastores.get()).find((one) => one.name === name)?.ref;
    return datastore && path !== undefined ? { datastore, path } : undefined;
  }

  /** Logs out. */
  async close(): Promise<void> {
    await (await this.#govc.forget())?.close();
  }

  async #listAfter(running: Promise<unknown>): Promise<VmInfo[]> {
    await running.catch(() => undefined); // whoever asked for that one hears of it
    this.#next = undefined;
    const list = this.govc().then((govc) => govc.vm.list());
    this.#running = list;
    return list;
  }

  #explain(error: unknown): unknown {
    const host = this.hostId;
    if (error instanceof ChangedMeanwhileError) {
      return new BenchError("esxi unavailable", error.message, { host }, { cause: error });
    }
    if (!(error instanceof GovcError)) return error;
    const kind = FAILURE_KINDS[error.kind];
    return kind === undefined ? error : new BenchError(kind, error.message, { host }, { cause: error });
  }
}

function isWorthRetrying(error: unknown): boolean {
  return error instanceof ChangedMeanwhileError || (error instanceof GovcError && error.isRetryable);
}

/** What is left out is a bug of ours. */
const FAILURE_KINDS: Readonly<Partial<Record<GovcErrorKind, FailureKind>>> = {
  unreachable: "esxi unavailable",
  busy: "esxi unavailable",
  "unknown outcome": "esxi unavailable",
  unauthenticated: "esxi unavailable",
  failed: "esxi unavailable",
  "wrong state": "esxi unavailable",
  "login refused": "login refused",
  "no permission": "login refused",
  "no capacity": "capacity",
  "licence read-only": "licence read-only",
  "certificate changed": "certificate changed",
  "certificate untrusted": "certificate changed",
  "already exists": "name taken",
  "not supported": "esxi refused",
  "not found": "esxi refused",
  ambiguous: "esxi refused",
  "invalid argument": "esxi refused",
  "no govc": "engine unavailable",
};
