/** `meshbench export ID`: a sweep's rows for other programs. */

import { Command, Option } from "commander";
import { readSweepRows } from "#cli/results";

const FORMATS = ["csv", "jsonl", "parquet", "benchfmt"] as const;
type Format = (typeof FORMATS)[number];

export function exportCommand(): Command {
  return new Command("export")
    .description("print a sweep's rows for other programs")
    .argument("<sweep>", "the sweep's id")
    .addOption(
      new Option("--format <format>", "csv, jsonl, parquet or Go's benchmark format").choices(FORMATS).default("csv"),
    )
    .action(async (sweepId: string, { format }: { format: Format }) => {
      const { rows } = await readSweepRows(sweepId);
      const { formatRows } = await import("#report/formats");
      process.stdout.write(await formatRows(rows, format));
    });
}
