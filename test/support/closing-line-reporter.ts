/** Vitest reporter: ends the output with one line, `N passed, N failed, N skipped`. */

import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** Something went wrong outside a test, such as in a file's import or in `beforeAll`, counts as one that failed. */
export function closingLine(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): string {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const count = (state: string) => tests.filter((test) => test.result().state === state).length;
  const suites = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  const failedOutsideTests = suites.filter((suite) => suite.errors().length > 0).length + unhandledErrors.length;
  // A test that never got its turn has neither passed nor failed.
  const skipped = count("skipped") + count("pending");
  return `${count("passed")} passed, ${count("failed") + failedOutsideTests} failed, ${skipped} skipped`;
}

// oxlint-disable-next-line import/no-default-export -- vitest loads reporters this way
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const line = closingLine(modules, unhandledErrors);
    // After what the other reporters have to say about the end.
    process.once("exit", () => process.stdout.write(`${line}\n`));
  }
}
