/** The frame of every bench program: options, progress on stderr, findings on stdout, exit code. */

import { Command, InvalidArgumentError } from "commander";
import { currentLoad, describeMachine, isQuiet } from "#bench/support/machine";
import { formatFindings, isMet } from "#bench/support/report";
import type { Findings } from "#bench/support/report";
import { EXIT, InputError, UnavailableError } from "#model/errors";

export interface BenchProgram<Options extends Record<string, number>> {
  readonly name: string;
  readonly description: string;
  /** Name, default and meaning of each whole number that can be set. */
  readonly options: { readonly [Name in keyof Options]: readonly [standard: Options[Name], meaning: string] };
  measure(options: Options): Promise<Findings>;
}

/** Exits with 3 where a goal was missed. */
export async function runBench<Options extends Record<string, number>>(program: BenchProgram<Options>): Promise<void> {
  const command = new Command(program.name)
    .description(program.description)
    .option("--json", "print one JSON document");
  for (const [name, [standard, meaning]] of Object.entries(program.options)) {
    command.option(`--${name} <number>`, meaning, parseWhole, standard);
  }
  const { json, ...options } = command.parse().opts<{ json?: boolean } & Options>();
  try {
    const load = currentLoad();
    if (!isQuiet(load)) note(`load is ${load.toFixed(1)}: these figures will not be worth quoting`);
    const findings = await program.measure(options as unknown as Options);
    const document = { name: program.name, machine: describeMachine(), loadBefore: load, ...findings };
    console.log(json ? JSON.stringify(document, undefined, 2) : formatFindings(findings));
    process.exitCode = findings.goals.every(isMet) ? EXIT.ok : EXIT.thresholdMissed;
  } catch (error) {
    if (!(error instanceof InputError || error instanceof UnavailableError)) throw error;
    note(error instanceof UnavailableError ? `${error.message}; ${error.hint}` : error.message);
    process.exitCode = error instanceof UnavailableError ? EXIT.unavailable : EXIT.usage;
  }
}

export const note = (text: string): void => void process.stderr.write(`${text}\n`);

function parseWhole(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("a whole number from 1 on");
  return Number(text);
}
