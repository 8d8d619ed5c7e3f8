/** A small run to test with; only what a test is about has to be said. */

import type { PreparedEnvironment, RunSpec } from "#model/run";

/** A digest that no image has. */
export const SAMPLE_IMAGE_DIGEST = `sha256:${"0".repeat(64)}`;

type Overrides = Partial<Omit<RunSpec, "point" | "environment">> & {
  readonly point?: Partial<RunSpec["point"]>;
  readonly environment?: Partial<PreparedEnvironment>;
};

/** Two nodes, 20 tuples each, on host `here`. */
export function sampleRun({ point, environment, ...rest }: Overrides = {}): RunSpec {
  return {
    runId: "sample-p1-r1-a1",
    sweepId: "sample",
    point: {
      index: 1,
      environment: "containers",
      mode: "replicated",
      nodes: 2,
      ratePerMin: 600,
      aggregation: 10,
      durationSec: 2,
      engine: "innodb",
      client: "batched",
      release: "agreed",
      resolve: "addresses",
      phase: "aligned",
      cpus: 1,
      memoryMib: 256,
      ...point,
    },
    repetition: 1,
    attempt: 1,
    seed: 2018,
    environment: {
      name: "containers",
      provider: "docker",
      host: "here",
      cpus: 1,
      memoryMib: 256,
      imageDigest: SAMPLE_IMAGE_DIGEST,
      isolation: "container",
      facts: {},
      ...environment,
    },
    sizing: { bufferPoolMib: 16, redoLogMib: 8, ramDiskMib: 96, heapTableMib: 16 },
    warmupSec: 0,
    observe: "on",
    keep: "never",
    deadlineSec: 600,
    sourceSha: "",
    ...rest,
  };
}
