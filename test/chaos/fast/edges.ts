/**
 * The edges of the product's code where the simulation takes over: its clock, its waiting, its files, who it is as a
 * process. The ring's test puts these in the place of the real ones; everything between them is the product.
 */

import type { ProcessIdentity } from "#activities/process-identity";
import type { Step } from "#model/run";
import { jobNow } from "#test/chaos/fast/simulated-process";
import type { SimulatedProcess } from "#test/chaos/fast/simulated-process";
import { visibleClock } from "#test/chaos/fast/simulation";

/** In the place of the global one. */
export class VisibleDate extends Date {
  constructor(...args: [] | [value: string | number | Date]) {
    super(args.length === 0 ? visibleClock.wallMs : args[0]);
  }

  static override now(): number {
    return visibleClock.wallMs;
  }
}

/** In the place of `AbortSignal.timeout`. */
export function timeoutSignal(ms: number): AbortSignal {
  const controller = new AbortController();
  jobNow().process.timer(ms, () => controller.abort(new DOMException("timed out", "TimeoutError")));
  return controller.signal;
}

/** In the place of `activities/timing.ts`, as far as it waits. */
export const simulatedTiming = (LateAnswerError: new (message: string) => Error) => ({
  sleep: (ms: number, signal: AbortSignal): Promise<void> => jobNow().process.wait(ms, signal),

  async within<T>(limitMs: number, answer: Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = jobNow().process.timer(limitMs, () => reject(new LateAnswerError(`no answer within ${limitMs} ms`)));
    try {
      return await Promise.race([answer, late]);
    } finally {
      timer.cancel();
    }
  },
});

/** In the place of the package `p-retry`. */
export async function pRetry<T>(
  action: () => Promise<T>,
  { retries, shouldRetry }: { retries: number; shouldRetry: (context: { error: Error }) => boolean },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await action();
    } catch (error) {
      if (attempt > retries || !shouldRetry({ error: error as Error })) throw error;
      await jobNow().process.wait(100 * 2 ** attempt);
    }
  }
}

/** In the place of `activities/process-identity.ts`: processes remember each other by name and generation. */
export const processIdentity = {
  identifyProcess: (): ProcessIdentity => identityOf(jobNow().process),
  isAlive: ({ pid, startTicks }: ProcessIdentity): boolean => {
    const process = processes[startTicks];
    return process !== undefined && process.isAlive && process.identity.pid === pid;
  },
};

/** A moment at which a worker may be made to kill itself. */
export interface CrashMoment {
  readonly step: Step;
  readonly moment: "before" | "after";
}
export type Crash = (at: CrashMoment) => void;

/** In the place of `activities/crash-point.ts`. */
export const crashPoint: Crash = (at) => crash(at);

let crash: Crash;
let processes: SimulatedProcess[] = [];
const identityOf = (process: SimulatedProcess): ProcessIdentity => ({
  pid: process.identity.pid,
  startTicks: processes.indexOf(process),
});

/** By path; the first folder is the machine's name. */
let files = new Map<string, string | Uint8Array>();

/** A new world has no files, and these processes. */
export function resetEdges(worldProcesses: SimulatedProcess[], crashOfWorld: Crash): void {
  files = new Map();
  processes = worldProcesses;
  crash = crashOfWorld;
}

export const listFiles = (under: string): string[] => [...files.keys()].filter((path) => path.startsWith(`${under}/`));

export function writeDecoyFile(path: string, content: string): void {
  files.set(path, content);
}

export const readDecoyFile = (path: string): unknown => files.get(path);

/** In the place of `node:fs/promises`: as much as lock files, evidence and kept logs need. */
export const diskCalls = {
  mkdir: async (): Promise<void> => {},

  readdir: (dir: string): Promise<string[]> =>
    local(() => [...files.keys()].filter((path) => isIn(dir, path)).map((path) => path.slice(dir.length + 1))),

  readFile: (path: string, encoding?: string): Promise<string | Buffer> =>
    local(() => {
      const content = files.get(path);
      if (content === undefined) throw noSuchFile(path);
      return encoding === "utf8" ? Buffer.from(content).toString("utf8") : Buffer.from(content);
    }),

  writeFile: (path: string, content: string | Uint8Array): Promise<void> => local(() => void files.set(path, content)),

  rename: (from: string, to: string): Promise<void> =>
    local(() => {
      const content = files.get(from);
      if (content === undefined) throw noSuchFile(from);
      files.delete(from);
      files.set(to, content);
    }),

  rm: (path: string, { recursive = false } = {}): Promise<void> =>
    local(() => {
      files.delete(path);
      if (recursive) for (const file of listFiles(path)) files.delete(file);
    }),

  open: async (path: string) => ({
    writeFile: (content: string | Uint8Array) => diskCalls.writeFile(path, content),
    sync: async () => {},
    close: async () => {},
  }),
};

const local = <T>(effect: () => T): Promise<T> => jobNow().process.local(effect);
const isIn = (dir: string, path: string) => path.startsWith(`${dir}/`) && !path.slice(dir.length + 1).includes("/");
const noSuchFile = (path: string) => Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });

/** In the place of `node:zlib`: the real one answers from another thread, whenever it likes. */
type Packed = (error: null, content: Buffer) => void;
export const packing = {
  gzip: (content: string, done: Packed) => done(null, Buffer.from(content)),
  gunzip: (content: Buffer, done: Packed) => done(null, content),
};
