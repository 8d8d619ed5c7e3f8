/** `meshbench report ID`: one HTML file, plots, Markdown and CSV. */

import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { note, printData } from "#cli/output";
import { readSweepResults } from "#cli/results";

export function reportCommand(): Command {
  return new Command("report")
    .description("write a sweep's report: report.html, report.md, runs.csv, plots as SVG and PNG")
    .argument("<sweep>", "the sweep's id")
    .option("--out <dir>", "where to; default: ./report-SWEEP")
    .option("--json", "print the paths of the files as JSON")
    .action(async (sweepId: string, { out, json = false }: { out?: string; json?: boolean }) => {
      const directory = resolve(out ?? `report-${sweepId}`);
      const files = await writeReport(sweepId, directory);
      note(`report: ${join(directory, "report.html")}`);
      printData(json, files, "");
    });
}

/** @returns The paths written. */
export async function writeReport(sweepId: string, directory: string): Promise<string[]> {
  const results = await readSweepResults(sweepId);
  // Loaded here, since the plotting library is large and no other command needs it.
  const { buildReport } = await import("#report/index");
  const files = await buildReport(results);
  const paths: string[] = [];
  for (const [name, content] of files) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    paths.push(path);
  }
  return paths;
}
