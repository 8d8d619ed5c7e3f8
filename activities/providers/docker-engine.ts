/**
 * Calls of a Docker engine's API. Each has a time limit, and fails as an `EngineError`, which says what the engine
 * answered, if anything. One that only looks ends when it is cancelled; one that makes something is waited for. After a
 * cut connection or a time-out the outcome is unknown: whoever retries looks first at what is there.
 */

import type Docker from "dockerode";
import pRetry from "p-retry";
import { BenchError } from "#model/errors";

/** No API call is waited for any longer, so that a hanging engine is noticed. */
const CALL_TIMEOUT_MS = 15_000;
const RETRIES = { retries: 4, minTimeout: 100, factor: 2 } as const;

type EngineOutcome = "answered" | "cut off" | "timed out";

/** An API call that did not do what it was asked. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly outcome: EngineOutcome;
  /** HTTP status of the answer; `undefined` where none came. */
  readonly status: number | undefined;

  constructor(message: string, outcome: EngineOutcome, status?: number, options?: ErrorOptions) {
    super(message, options);
    this.outcome = outcome;
    this.status = status;
  }
}

/** What was looked at changed meanwhile, such as a container that is just being removed: look again. */
export class ChangedMeanwhileError extends Error {
  override readonly name = "ChangedMeanwhileError";
}

export const isStatus = (error: unknown, ...statuses: readonly number[]): error is EngineError =>
  error instanceof EngineError && error.status !== undefined && statuses.includes(error.status);

export class DockerEngine {
  readonly docker: Docker;
  readonly hostId: string;
  readonly #callTimeoutMs: number;

  constructor(docker: Docker, hostId: string, { callTimeoutMs = CALL_TIMEOUT_MS }: { callTimeoutMs?: number } = {}) {
    this.docker = docker;
    this.hostId = hostId;
    this.#callTimeoutMs = callTimeoutMs;
  }

  /**
   * One API call.
   * @param what - For messages: `create container x`.
   * @param signal - Cancels the call, with its own reason.
   * @throws {EngineError}
   */
  async call<T>(
    what: string,
    signal: AbortSignal | undefined,
    request: (docker: Docker, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const timeout = AbortSignal.timeout(this.#callTimeoutMs);
    const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      // Not every call of dockerode takes a signal, so that the wait itself ends as well.
      return await orAborted(either, request(this.docker, either));
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (timeout.aborted) throw new EngineError(`${what}: no answer in ${this.#callTimeoutMs} ms`, "timed out");
      throw toEngineError(what, error);
    }
  }

  /**
   * One API call that makes something. The engine goes on with it when its caller hangs up, so that a cancelled one is
   * waited for: the teardown that follows finds what was made.
   * @param signal - Thrown before the call, or after its answer.
   * @throws {EngineError}
   */
  async make<T>(
    what: string,
    signal: AbortSignal,
    request: (docker: Docker, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
    try {
      return await this.call(what, undefined, request);
    } finally {
      signal.throwIfAborted();
    }
  }

  /**
   * Repeats an action as long as the engine stumbles, a second or two at most. The action must be safe to repeat: it looks
   * first, then does what is missing.
   * @throws {BenchError} `engine unavailable` when the engine does not answer, hangs or goes on failing.
   */
  async converge<T>(signal: AbortSignal | undefined, action: () => Promise<T>): Promise<T> {
    try {
      return await pRetry(action, {
        ...RETRIES,
        ...(signal && { signal }),
        shouldRetry: ({ error }) => isWorthRetrying(error),
      });
    } catch (error) {
      if (error instanceof ChangedMeanwhileError || isEngineFailure(error)) {
        throw new BenchError("engine unavailable", error.message, { host: this.hostId }, { cause: error });
      }
      throw error;
    }
  }

  /** A call that only reads, repeated as by `converge`. */
  read<T>(
    what: string,
    signal: AbortSignal | undefined,
    request: (docker: Docker, abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    return this.converge(signal, () => this.call(what, signal, request));
  }
}

/** The engine, not the request, is at fault: no answer, or a 5xx one. */
function isEngineFailure(error: unknown): error is EngineError {
  return error instanceof EngineError && (error.status === undefined || error.status >= 500);
}

// A time-out took long enough: the caller's caller decides whether there is time for another.
function isWorthRetrying(error: unknown): boolean {
  if (error instanceof ChangedMeanwhileError) return true;
  return isEngineFailure(error) && error.outcome !== "timed out";
}

async function orAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

interface ModemError extends Error {
  readonly statusCode?: number;
  readonly code?: string;
  /** The engine's answer. */
  readonly json?: { readonly message?: string } | null;
}

function toEngineError(what: string, error: unknown): EngineError {
  const { statusCode, code, json, message } = error as ModemError;
  if (statusCode === undefined) {
    return new EngineError(`${what}: ${code ?? message}`, "cut off", undefined, { cause: error });
  }
  const answer = json?.message ?? message;
  return new EngineError(`${what}: ${answer.trim()}`, "answered", statusCode, { cause: error });
}
