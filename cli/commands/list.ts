/** `meshbench list`: all sweeps of this installation, newest first. */

import { Command } from "commander";
import { alignColumns, printData } from "#cli/output";
import { openResultsStore } from "#worker/results";

export function listCommand(): Command {
  return new Command("list")
    .description("all sweeps, newest first")
    .option("--json", "print JSON")
    .action(({ json = false }: { json?: boolean }) => {
      const store = openResultsStore();
      try {
        const sweeps = store
          .listSweeps()
          .toSorted((a, b) => b.startedAt.localeCompare(a.startedAt))
          .map((sweep) => ({ ...sweep, runs: store.listRuns(sweep.sweepId) }));
        const data = sweeps.map(({ sweepId, name, startedAt, status, runsPlanned, runs }) => ({
          sweep_id: sweepId,
          name,
          started_at: startedAt,
          status,
          runs_planned: runsPlanned,
          runs_recorded: runs.length,
          runs_valid: runs.filter((row) => row.status === "VALID").length,
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
      } finally {
        store.close();
      }
    });
}
