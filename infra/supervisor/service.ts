/** One service of this machine: started, watched, started again when it dies, stopped. */

import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { LocalService } from "#worker/local-services";
import { identifyProcess, type ProcessIdentity } from "#activities/process-identity";
import { killGroup } from "#infra/supervisor/process-group";

/** What to run. Plain data: `up` writes it, the supervisor reads it. */
export interface ServiceSpec {
  readonly name: string;
  /** Program and arguments; no shell is involved. */
  readonly command: readonly [string, ...string[]];
  /** Added to the supervisor's own environment, which holds no secrets. */
  readonly env?: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** It is ready once it listens here, or answers HTTP at `url`; without it, as soon as it runs. */
  readonly readyAt?: { readonly port: number } | { readonly socketPath: string; readonly url: string };
  /** Removed before each start: what a killed process leaves and its successor trips over. */
  readonly staleFiles?: readonly string[];
  /** Between SIGTERM and SIGKILL. */
  readonly graceSec: number;
  /** Shown to people and programs, see `LocalService`. */
  readonly address?: string;
  readonly webPage?: string;
}

const BACK_OFF_SEC = { first: 0.1, most: 15 };
/** A service that ran this long has recovered: its next death is answered quickly again. */
const STEADY_SEC = 30;
const READY_POLL_MS = 50;
const HTTP_LIMIT_MS = 2000;
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;

/** Runs until `stop`. Calls `changed` after every change of what `describe` says. */
export class Service {
  readonly spec: ServiceSpec;
  readonly #changed: () => void;
  readonly #stopping = new AbortController();
  #state: LocalService["state"] = "starting";
  #process: ProcessIdentity | undefined;
  #restarts = 0;
  #ended: Promise<void> = Promise.resolve();

  constructor(spec: ServiceSpec, changed: () => void) {
    this.spec = spec;
    this.#changed = changed;
  }

  start(): void {
    this.#ended = this.#keepRunning();
  }

  describe(): LocalService {
    const { name, logFile, address, webPage } = this.spec;
    return {
      name,
      state: this.#state,
      restarts: this.#restarts,
      logFile,
      ...(this.#process && { process: this.#process }),
      ...(address !== undefined && { address }),
      ...(webPage !== undefined && { webPage }),
    };
  }

  /** SIGTERM, then SIGKILL after the grace, both to the whole process group. Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#become("stopping");
    this.#stopping.abort();
    await this.#ended;
  }

  async #keepRunning(): Promise<void> {
    let backOffSec = BACK_OFF_SEC.first;
    while (!this.#stopping.signal.aborted) {
      const startedAt = performance.now();
      await this.#runOnce();
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - startedAt > STEADY_SEC * 1000) backOffSec = BACK_OFF_SEC.first;
      this.#become("waiting");
      await delay(backOffSec * 1000, undefined, { signal: this.#stopping.signal }).catch(() => {});
      backOffSec = Math.min(backOffSec * 2, BACK_OFF_SEC.most);
      this.#restarts += 1;
    }
  }

  async #runOnce(): Promise<void> {
    for (const path of this.spec.staleFiles ?? []) rmSync(path, { force: true });
    const child = this.#spawn();
    const exited = this.#whenExited(child);
    const pid = child.pid;
    if (pid === undefined) return exited;
    this.#process = identifyProcess(pid);
    this.#become("starting");
    const onStop = () => void killGroup(pid, this.spec.graceSec);
    this.#stopping.signal.addEventListener("abort", onStop);
    if (this.#stopping.signal.aborted) onStop();
    void this.#announceReady(child);
    await exited;
    this.#stopping.signal.removeEventListener("abort", onStop);
    // Children that outlive their parent would hold its port or data.
    await killGroup(pid, this.spec.graceSec);
    this.#process = undefined;
  }

  #spawn(): ChildProcess {
    const { command, env, logFile } = this.spec;
    mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
    if (existsSync(logFile) && statSync(logFile).size > LOG_LIMIT_BYTES) renameSync(logFile, `${logFile}.1`);
    const log = openSync(logFile, "a", 0o600);
    try {
      const [program, ...args] = command;
      // A group of its own: signals of the terminal pass it by, and all of it can be ended at once.
      return spawn(program, args, { detached: true, stdio: ["ignore", log, log], env: { ...process.env, ...env } });
    } finally {
      closeSync(log);
    }
  }

  #whenExited(child: ChildProcess): Promise<void> {
    return new Promise((resolve) => {
      child.once("exit", () => resolve());
      // It could not be started: the log it would have written says so.
      child.once("error", (error) => {
        appendFileSync(this.spec.logFile, `${error.message}\n`);
        resolve();
      });
    });
  }

  async #announceReady(child: ChildProcess): Promise<void> {
    while (!(await this.#isReady())) {
      if (child.exitCode !== null || child.signalCode !== null || this.#stopping.signal.aborted) return;
      await delay(READY_POLL_MS);
    }
    if (this.#process?.pid === child.pid && this.#state === "starting") this.#become("running");
  }

  async #isReady(): Promise<boolean> {
    return this.spec.readyAt === undefined || answers(this.spec.readyAt);
  }

  #become(state: LocalService["state"]): void {
    if (this.#stopping.signal.aborted && state !== "stopping") return;
    this.#state = state;
    this.#changed();
  }
}

function answers(where: NonNullable<ServiceSpec["readyAt"]>): Promise<boolean> {
  return "port" in where ? isListening(where.port) : answersHttp(where.socketPath, where.url);
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** An engine listens before it can do anything, and may still give up. */
function answersHttp(socketPath: string, url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get({ socketPath, path: url, timeout: HTTP_LIMIT_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.once("timeout", () => request.destroy(new Error("no answer")));
    request.once("error", () => resolve(false));
  });
}
