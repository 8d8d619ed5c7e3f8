/** `meshbench compare A B`: is B better than A, point by point? */

import { Command } from "commander";
import { printData } from "#cli/output";
import { EXIT } from "#model/errors";

export function compareCommand(): Command {
  return new Command("compare")
    .description("differences of B from A, with confidence intervals; environment differences first")
    .argument("<a>", "the baseline: a sweep's id, or SWEEP:ENVIRONMENT for one environment of it")
    .argument("<b>", "what is compared with it, in the same form")
    .option("--markdown", "print Markdown, as in a pull-request comment")
    .option("--json", "print every figure as JSON")
    .option("--fail-on-worse", "exit with 3 where B is worse")
    .action(async (a: string, b: string, { json = false, markdown = false, failOnWorse = false }: CompareOptions) => {
      const { compareSides } = await import("#cli/compare-sides");
      const { formatComparisonMarkdown, formatComparisonText } = await import("#report/comparison");
      const report = await compareSides(a, b);
      const text = markdown ? formatComparisonMarkdown(report) : formatComparisonText(report);
      const { comparison, facts } = report;
      printData(json, { a, b, ...comparison, facts: facts.filter(({ differs }) => differs) }, text);
      if (failOnWorse && comparison.verdict === "worse") process.exitCode = EXIT.thresholdMissed;
    });
}

interface CompareOptions {
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly failOnWorse?: boolean;
}
