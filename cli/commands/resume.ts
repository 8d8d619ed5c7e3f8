/** `meshbench resume ID`: let a paused sweep go on, or take up one that has ended, and follow it. */

import { Command, Option } from "commander";
import type { ResumeOptions } from "#cli/resume-sweep";

export function resumeCommand(): Command {
  return new Command("resume")
    .description("go on with a sweep that is paused, or has ended before all of it was measured, and follow it")
    .argument("<sweep>", "the sweep's id")
    .option("--only <statuses>", "measure again what ended like this: failed, suspect, invalid, separated by commas")
    .option("--detach", "return once it goes on")
    .addOption(
      new Option("--on-interrupt <what>", "what Ctrl-C does").choices(["detach", "cancel"] as const).default("detach"),
    )
    .option("--json", "print one JSON document when it ends")
    .action(async (sweepId: string, options: ResumeOptions) => {
      const { resumeSweep } = await import("#cli/resume-sweep");
      process.exitCode = await resumeSweep(sweepId, options);
    });
}
