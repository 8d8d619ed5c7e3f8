/** Recorded facts of the machine that nodes run on. */

import { readFile } from "node:fs/promises";

/** The processor as this machine sees it. */
export interface Processor {
  readonly model: string;
  readonly isVirtual: boolean;
}

export async function readProcessor(): Promise<Processor | undefined> {
  return parseProcessor(await readFile("/proc/cpuinfo", "utf8"));
}

/** @returns `undefined` where the processor has no flags that tell, as on ARM. */
export function parseProcessor(cpuinfo: string): Processor | undefined {
  const flags = /^flags\s*: (.*)$/m.exec(cpuinfo)?.[1]?.split(" ");
  if (!flags) return undefined;
  const model = /^model name\s*: (.*)$/m.exec(cpuinfo)?.[1] ?? "unknown";
  return { model, isVirtual: flags.includes("hypervisor") };
}

export function processorFacts(processor: Processor | undefined): Record<string, string> {
  if (!processor) return { virtualisation: "unknown" };
  return { cpu_model: processor.model, virtualisation: processor.isVirtual ? "hypervisor" : "none" };
}

/** @param limit - See `readNeighbourLimit`. */
export const neighbourFacts = (limit: number | undefined): Record<string, string> => ({
  neighbour_limit: limit === undefined ? "unknown" : String(limit),
});

/** In the order that a `PreparedEnvironment` has them. */
export const factsByName = (facts: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1)));
