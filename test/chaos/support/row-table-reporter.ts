/** Vitest reporter of `npm run chaos`: ends with a line for each row of the fault catalogue: its id, how it went, seconds. */

import type { Reporter, TestCase, TestModule } from "vitest/node";

/** A row's tests are called `F06: …`; one row may have several. */
const ROW = /^(?<row>[A-Z]\d+): (?<promise>.*)$/s;

export function rowTable(tests: readonly TestCase[]): string {
  const lines = tests.flatMap((test) => {
    const { row = "", promise = "" } = ROW.exec(test.name)?.groups ?? {};
    const { state } = test.result();
    if (state === "skipped" || state === "pending") return [];
    const seconds = ((test.diagnostic()?.duration ?? 0) / 1000).toFixed(1);
    return [`${row.padEnd(4)} ${state.padEnd(6)} ${seconds.padStart(6)} s  ${promise || test.name}`];
  });
  return lines.sort().join("\n");
}

// oxlint-disable-next-line import/no-default-export -- vitest loads reporters this way
export default class RowTableReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const table = rowTable(modules.flatMap((module) => [...module.children.allTests()]));
    process.once("exit", () => process.stdout.write(`\n${table}\n`));
  }
}
