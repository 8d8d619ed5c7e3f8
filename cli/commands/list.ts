/** `meshbench list`: all sweeps of the results store, newest first. */

import { Command } from "commander";
import { alignColumns, printData } from "#cli/output";

export function listCommand(): Command {
  return new Command("list")
    .description("all sweeps, newest first")
    .option("--json", "print JSON")
    .action(async ({ json = false }: { json?: boolean }) => {
      const { listSweeps } = await import("#cli/results");
      const sweeps = await listSweeps();
      const { readStatuses } = await import("#cli/sweep-status");
      const statuses = await readStatuses(sweeps.map(({ sweep }) => sweep));
      const data = sweeps.map(({ sweep, runsRecorded, runsValid }, i) => ({
        sweep_id: sweep.sweepId,
        name: sweep.name,
        started_at: sweep.startedAt,
        status: statuses[i] ?? sweep.status,
        runs_planned: sweep.runsPlanned,
        runs_recorded: runsRecorded,
        runs_valid: runsValid,
      }));
      const table = alignColumns([
        ["SWEEP", "STARTED", "STATUS", "PLANNED", "RECORDED", "VALID"],
        ...data.map((row) => [
          row.sweep_id,
          row.started_at,
          row.status,
          ...[row.runs_planned, row.runs_recorded, row.runs_valid].map(String),
        ]),
      ]);
      printData(json, data, data.length === 0 ? "no sweeps yet; try: meshbench run quick" : table);
    });
}
