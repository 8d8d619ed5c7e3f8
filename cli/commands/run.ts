/** `meshbench run SPEC`: queue a sweep and follow it to its end. */

import { Command, Option } from "commander";
import { PRESETS } from "#cli/presets";
import type { RunOptions } from "#cli/run-sweep";

export function runCommand(): Command {
  return new Command("run")
    .description("queue a sweep and follow it; Ctrl-C detaches, the sweep goes on")
    .argument("<spec>", `a YAML file, or a preset: ${PRESETS.join(", ")}`)
    .option("--set <key=value>", "set an axis or any key of the spec; repeatable", collect, [])
    .option("--env <names>", "only these environments, separated by commas")
    .addOption(
      new Option("--keep <when>", "keep the nodes of a failed run until their deadline").choices([
        "never",
        "on-failure",
      ] as const),
    )
    .option("--priority <n>", "in line for a host, greater goes first; 0 unless said")
    .option("--detach", "return once the sweep is queued")
    .addOption(
      new Option("--on-interrupt <what>", "what Ctrl-C does").choices(["detach", "cancel"] as const).default("detach"),
    )
    .option("--json", "print one JSON document when it ends")
    .action(async (spec: string, options: RunOptions) => {
      const { runSweep } = await import("#cli/run-sweep");
      process.exitCode = await runSweep(spec, options);
    });
}

const collect = (value: string, before: readonly string[]) => [...before, value];
