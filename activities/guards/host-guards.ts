/** The guards of one host: they look at the machine that the worker runs on, before a run and while it measures. */

import { GuardLog } from "#activities/guards/guard-log";
import { HostMeter } from "#activities/guards/host-meter";
import { sleep } from "#activities/timing";
import { BenchError } from "#model/errors";
import { foreignCpuPct, guardRecordOf } from "#model/guards";
import type { GuardEntry, GuardThresholds, RunGuards } from "#model/guards";
import type { NodeHandle } from "#model/run";

const EVERY_MS = 1000;
/** Of one processor, at most: where a look takes longer, the next one comes later. */
const LOOKING_SHARE = 0.01;
/** A quiet host is noticed after this. */
const FIRST_LOOK_MS = 500;

export interface HostGuards {
  readonly thresholds: GuardThresholds;

  /**
   * Returns once others leave the host's CPU alone.
   * @param onWait - Hears what is waited for, such as "a quiet host: 63 % foreign CPU".
   * @throws {BenchError} `busy host` after `quietWaitSec`.
   */
  awaitQuiet(signal: AbortSignal, onWait: (what: string) => void): Promise<void>;

  /**
   * Samples until it is stopped, at most once a second. May come twice for a run: what is there is continued.
   * @param logPath - Of the run's guard log.
   */
  watch(logPath: string, nodes: readonly NodeHandle[]): GuardWatch;

  /**
   * What was sampled.
   * @param nodes - Of the run, while they are there.
   */
  recordOf(logPath: string, nodes: readonly NodeHandle[]): Promise<RunGuards>;
}

export interface GuardWatch {
  /** With a last sample. */
  stop(): void;
}

/** For a host that is this machine. */
export class LocalHostGuards implements HostGuards {
  readonly thresholds: GuardThresholds;
  /** What found no room in a log, by its path. */
  readonly #unwritten = new Map<string, GuardEntry[]>();

  constructor(thresholds: GuardThresholds) {
    this.thresholds = thresholds;
  }

  async awaitQuiet(signal: AbortSignal, onWait: (what: string) => void): Promise<void> {
    const { foreignCpuPct: limitPct, quietWaitSec } = this.thresholds;
    if (limitPct >= 100) return;
    const startedMs = performance.now();
    const meter = new HostMeter([]);
    for (let waitMs = FIRST_LOOK_MS; ; waitMs = EVERY_MS) {
      await sleep(waitMs, signal);
      const { interval, programs } = meter.read();
      const sharePct = foreignCpuPct([interval], meter.cpus);
      if (sharePct <= limitPct) return;
      const load = `${Math.round(sharePct)} % foreign CPU${programs[0] ? `, most of it ${programs[0].name}` : ""}`;
      const waitedSec = (performance.now() - startedMs) / 1000;
      if (waitedSec >= quietWaitSec) {
        throw new BenchError("busy host", `${load}, limit ${limitPct} %, after ${Math.round(waitedSec)} s of waiting`);
      }
      onWait(`a quiet host: ${load}`);
    }
  }

  watch(logPath: string, nodes: readonly NodeHandle[]): GuardWatch {
    const meter = new HostMeter(nodes);
    if (!meter.seesAllNodes) return { stop: () => {} };
    return new RunningWatch(new GuardLog(logPath), meter, this.#unwrittenOf(logPath));
  }

  async recordOf(logPath: string, nodes: readonly NodeHandle[]): Promise<RunGuards> {
    const written = await new GuardLog(logPath).read();
    const record = guardRecordOf([...written, ...(this.#unwritten.get(logPath) ?? [])]);
    return record === "not sampled" && new HostMeter(nodes).seesAllNodes ? "samples lost" : record;
  }

  /** A host has one run at a time: those of earlier ones are of no use any more. */
  #unwrittenOf(logPath: string): GuardEntry[] {
    const entries = this.#unwritten.get(logPath) ?? [];
    this.#unwritten.clear();
    this.#unwritten.set(logPath, entries);
    return entries;
  }
}

/** For a host that is another machine: nothing is known, and nothing guessed. */
export class RemoteHostGuards implements HostGuards {
  readonly thresholds: GuardThresholds;

  constructor(thresholds: GuardThresholds) {
    this.thresholds = thresholds;
  }

  async awaitQuiet(): Promise<void> {}

  watch(): GuardWatch {
    return { stop: () => {} };
  }

  async recordOf(): Promise<RunGuards> {
    return "not sampled";
  }
}

class RunningWatch implements GuardWatch {
  readonly #log: GuardLog;
  readonly #meter: HostMeter;
  readonly #unwritten: GuardEntry[];
  #timer: NodeJS.Timeout;

  constructor(log: GuardLog, meter: HostMeter, unwritten: GuardEntry[]) {
    this.#log = log;
    this.#meter = meter;
    this.#unwritten = unwritten;
    const { cpus, engines } = meter;
    const isContinued = log.exists || unwritten.length > 0;
    if (!isContinued) this.#keep({ type: "begin", cpus, engines, nodes: meter.readNodes() });
    this.#timer = setTimeout(() => this.#sample(), EVERY_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#keep({ type: "interval", ...this.#meter.read() });
    this.#keep({ type: "end", engines: this.#meter.engines, nodes: this.#meter.readNodes() });
  }

  #sample(): void {
    const before = process.threadCpuUsage();
    this.#keep({ type: "interval", ...this.#meter.read() });
    const { user, system } = process.threadCpuUsage(before);
    const tookMs = (user + system) / 1000;
    this.#timer = setTimeout(() => this.#sample(), Math.max(EVERY_MS, tookMs / LOOKING_SHARE));
  }

  /** A full disk ends no run that goes well otherwise, nor does it hide who disturbed one. */
  #keep(entry: GuardEntry): void {
    try {
      this.#log.append(entry);
    } catch (error) {
      if (this.#unwritten.length === 0) console.error("guards: samples of the host are kept in memory:", error);
      this.#unwritten.push(entry);
    }
  }
}
