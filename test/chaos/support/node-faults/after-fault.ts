/** How a sweep of one run fares after a fault that it does not survive. */

import type { RunRow } from "#model/result-row";
import type { ChaosSweep } from "#test/chaos/support/chaos-harness";

/** A disturbed run would have a successor, which says nothing new. */
export const ONE_ATTEMPT = { attempts: 1 } as const;

export interface Aftermath {
  /** From the fault until the run was broken off and its nodes were to be removed. */
  readonly noticedSec: number;
  readonly row: RunRow;
}

/** @throws Where the run goes well, or the sweep has other runs as well. */
export async function breakRun(sweep: ChaosSweep, inject: () => Promise<unknown>): Promise<Aftermath> {
  // It may be noticed before whoever injects it is done.
  const startedMs = performance.now();
  await inject();
  sweep.faultIsOver();
  await sweep.untilStep("teardown");
  const noticedSec = (performance.now() - startedMs) / 1000;
  return { noticedSec, row: await brokenRow(sweep) };
}

/** Of a sweep that ends by itself. */
export async function brokenRow(sweep: ChaosSweep): Promise<RunRow> {
  const { rows, exitCode } = await sweep.ended();
  const [row] = rows;
  if (row === undefined || rows.length > 1) throw new Error(`${rows.length} runs instead of one`);
  if (exitCode !== 6 || row.status === "VALID") throw new Error(`exit ${exitCode}, ${row.status} ${row.reason}`);
  return row;
}
