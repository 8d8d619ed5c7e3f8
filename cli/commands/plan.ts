/** `meshbench plan SPEC`: what a sweep would measure. Creates nothing; needs no engine and no Temporal. */

import { Command } from "commander";
import { printData } from "#cli/output";
import { PRESETS } from "#cli/presets";

interface PlanOptions {
  readonly set: readonly string[];
  readonly env?: string;
  readonly json?: boolean;
}

export function planCommand(): Command {
  return new Command("plan")
    .description("points, runs, order, rows, memory and estimated time of a sweep; creates nothing")
    .argument("<spec>", `a YAML file, or a preset: ${PRESETS.join(", ")}`)
    .option("--set <key=value>", "set an axis or any key of the spec; repeatable", collect, [])
    .option("--env <names>", "only these environments, separated by commas")
    .option("--json", "print one JSON document")
    .action(async (spec: string, { set, env, json = false }: PlanOptions) => {
      const [{ planDocument, planText }, { loadPlan }, { readLimits }] = await Promise.all([
        import("#cli/plan-view"),
        import("#cli/spec-file"),
        import("#worker/limits"),
      ]);
      const plan = await loadPlan({ spec, set, env: env?.split(","), limits: readLimits() });
      const setKeys = set.map((text) => text.slice(0, text.indexOf("=")));
      printData(json, planDocument(plan, setKeys), planText(plan, setKeys));
    });
}

const collect = (value: string, before: readonly string[]) => [...before, value];
