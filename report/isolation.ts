/** Arms that stand where virtual machines would, and are none: emulated processors, simulated hypervisors. */

import type { RunRow } from "#model/result-row";
import type { Isolation } from "#model/spec";

const NO_MACHINES: ReadonlySet<string> = new Set<Isolation>(["tcg", "simulated"]);

export const saysNothingAboutVms = (isolation: string): boolean => NO_MACHINES.has(isolation);

/** By environment. */
export function armsWithoutVms(rows: readonly RunRow[]): Map<string, Isolation> {
  const weak = rows.filter(({ isolation }) => saysNothingAboutVms(isolation));
  return new Map(weak.map(({ environment, isolation }) => [environment, isolation]));
}

/** One for each such arm, as plots and exports have it: they are passed on without the report around them. */
export const isolationRemarks = (rows: readonly RunRow[]): string[] =>
  [...armsWithoutVms(rows)].map(([environment, isolation]) => isolationRemark(environment, isolation));

export const isolationRemark = (environment: string, isolation: string): string =>
  `${environment} is ${isolation}: no conclusion about VMs`;
