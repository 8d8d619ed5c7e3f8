/** `meshbench report ID`: one HTML file, plots, Markdown and CSV. */

import { join, resolve } from "node:path";
import { Command } from "commander";
import { note, printData } from "#cli/output";

export function reportCommand(): Command {
  return new Command("report")
    .description("write a sweep's report: report.html, report.md, runs.csv, plots as SVG and PNG")
    .argument("<sweep>", "the sweep's id")
    .option("--out <dir>", "where to; default: ./report-SWEEP")
    .option("--json", "print the paths of the files as JSON")
    .action(async (sweepId: string, { out, json = false }: { out?: string; json?: boolean }) => {
      const { writeReport } = await import("#cli/write-report");
      const directory = resolve(out ?? `report-${sweepId}`);
      const files = await writeReport(sweepId, directory);
      note(`report: ${join(directory, "report.html")}`);
      printData(json, files, "");
    });
}
