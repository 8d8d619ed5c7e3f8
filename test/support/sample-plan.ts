/** A small spec and its plan to test with; only what a test is about has to be said. */

import { expandPlan } from "#model/plan";
import type { Plan } from "#model/plan";
import type { Environment, Spec } from "#model/spec";

export const sampleEnvironment = (host: string, overrides: Partial<Environment> = {}): Environment => ({
  name: `on-${host}`,
  provider: "docker",
  host,
  cpus: 1,
  memoryMib: 512,
  ...overrides,
});

/** One point per mode, two nodes, 20 tuples each, measured in declared order. */
export function samplePlan({ host = "here", ...overrides }: Partial<Spec> & { host?: string } = {}): Plan {
  return expandPlan({
    version: 1,
    name: "sample",
    environments: [sampleEnvironment(host)],
    factors: {
      mode: ["replicated", "baseline"],
      nodes: [2],
      rate: [600],
      aggregation: [10],
      durationSec: [2],
      engine: ["innodb"],
      client: ["batched"],
      release: ["agreed"],
      resolve: ["addresses"],
      phase: ["aligned"],
      cpus: [],
      memoryMib: [],
    },
    warmupSec: 0,
    repetitions: 1,
    attempts: 2,
    seed: 2018,
    order: "declared",
    observe: "on",
    keep: "never",
    thresholds: [],
    ours: [],
    ...overrides,
  });
}
