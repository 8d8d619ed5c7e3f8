/** `meshbench export ID`: a sweep's rows for other programs. */

import { Command, Option } from "commander";
import { printData } from "#cli/output";
import { InputError } from "#model/errors";

const FORMATS = ["csv", "jsonl", "parquet", "benchfmt"] as const;
type Format = (typeof FORMATS)[number];

export function exportCommand(): Command {
  return new Command("export")
    .description("print a sweep's rows for other programs")
    .argument("<sweep>", "the sweep's id")
    .addOption(
      new Option("--format <format>", "csv, jsonl, parquet or Go's benchmark format").choices(FORMATS).default("csv"),
    )
    .option("--json", "print the rows as one JSON array instead")
    .action(async (sweepId: string, { format, json = false }: { format: Format; json?: boolean }) => {
      if (format === "parquet" && !json && process.stdout.isTTY) throw binaryOnTerminal(sweepId);
      const { requireSweepRows } = await import("#cli/results");
      const { rows } = await requireSweepRows(sweepId);
      if (json) return printData(true, rows, "");
      const { formatRows } = await import("#report/formats");
      process.stdout.write(formatRows(rows, format));
    });
}

const binaryOnTerminal = (sweepId: string): InputError =>
  new InputError([
    {
      field: "--format",
      value: "parquet",
      rule: "is binary, and this is a terminal",
      hint: `meshbench export ${sweepId} --format parquet > ${sweepId}.parquet`,
    },
  ]);
