/**
 * A run's evidence on its way from the host that measured it to the results store: kept as one gzip file, handed over in
 * parts that fit into a Temporal payload.
 */

import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { ignoring } from "#activities/ignoring";
import { PAYLOAD_PART_BYTES } from "#activities/payload-part";
import { writeWhole } from "#activities/results/write-whole";
import { BenchError } from "#model/errors";
import { isRunId, sweepIdOf } from "#model/ids";
import type { RunEvidence } from "#model/run";

/** Keeps evidence on the host that measured it, until `forget`. */
export class EvidenceSpool {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * @returns How many parts it has.
   * @throws {BenchError} `collect` where there is no space.
   */
  async keep(evidence: RunEvidence): Promise<number> {
    const packed = await promisify(gzip)(JSON.stringify(evidence));
    await writeWhole(this.#pathOf(evidence.run.runId), packed);
    return Math.ceil(packed.length / PAYLOAD_PART_BYTES);
  }

  /**
   * @returns Base64. `part` counts from 0.
   * @throws {BenchError} `collect` where it was kept elsewhere: of two workers that serve a host each has a spool.
   */
  async readPart(runId: string, part: number): Promise<string> {
    const packed = await ignoring("ENOENT", readFile(this.#pathOf(runId)));
    if (packed === undefined) throw new BenchError("collect", "the run's evidence is with another worker of this host");
    return packed.subarray(part * PAYLOAD_PART_BYTES, (part + 1) * PAYLOAD_PART_BYTES).toString("base64");
  }

  async forget(runId: string): Promise<void> {
    for (const path of [this.#pathOf(runId), this.guardLogPath(runId)]) await rm(path, { force: true });
  }

  /** Of which runs anything waits here. */
  async listRunIds(): Promise<string[]> {
    const names = await readdir(this.#dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    return [...new Set(names.map((name) => name.slice(0, name.indexOf("."))))].filter(isRunId);
  }

  /** What is sampled during a run waits here, too. */
  guardLogPath(runId: string): string {
    return this.#pathOf(runId, "guards.jsonl");
  }

  #pathOf(runId: string, ending = "json.gz"): string {
    sweepIdOf(runId); // refuses what is no run id
    return join(this.#dir, `${runId}.${ending}`);
  }
}

/** Puts evidence together again, beside the results store. */
export class EvidenceAssembly {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * Keeps one part. Any order, any number of times.
   * @returns The evidence once all parts are there.
   * @throws {BenchError} `collect` where there is no space.
   */
  async add(input: { runId: string; part: number; parts: number; data: string }): Promise<RunEvidence | undefined> {
    const dir = this.#dirOf(input.runId);
    const partPath = (part: number) => join(dir, `part-${part}-of-${input.parts}`);
    await writeWhole(partPath(input.part), Buffer.from(input.data, "base64"));
    const present = new Set(await readdir(dir));
    const paths = Array.from({ length: input.parts }, (_, part) => partPath(part));
    if (!paths.every((path) => present.has(path.slice(dir.length + 1)))) return undefined;
    const packed = Buffer.concat(await Promise.all(paths.map((path) => readFile(path))));
    return JSON.parse((await promisify(gunzip)(packed)).toString("utf8")) as RunEvidence;
  }

  /** Removes the parts of a run, also those of a transfer that never ended. */
  async forget(runId: string): Promise<void> {
    await rm(this.#dirOf(runId), { recursive: true, force: true });
  }

  #dirOf(runId: string): string {
    sweepIdOf(runId); // refuses what is no run id
    return join(this.#dir, runId);
  }
}
