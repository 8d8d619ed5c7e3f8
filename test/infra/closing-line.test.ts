import { expect, test } from "vitest";
import type { TestModule } from "vitest/node";
import { closingLine } from "#test/support/closing-line-reporter";

const failure = { message: "import failed" };

function moduleOf(
  states: readonly string[],
  { errors = [], suiteErrors = [] }: { errors?: object[]; suiteErrors?: object[] } = {},
) {
  return {
    errors: () => errors,
    children: {
      allTests: () => states.map((state) => ({ result: () => ({ state }) })),
      allSuites: () => [{ errors: () => suiteErrors }],
    },
  } as unknown as TestModule;
}

test("all tests of all files are counted", () => {
  const modules = [moduleOf(["passed", "failed", "skipped"]), moduleOf(["passed", "pending"])];
  expect(closingLine(modules, [])).toBe("2 passed, 1 failed, 2 skipped");
});

test("a file that cannot be loaded, a broken beforeAll and a stray rejection count as failed", () => {
  const modules = [moduleOf([], { errors: [failure] }), moduleOf(["skipped"], { suiteErrors: [failure] })];
  expect(closingLine(modules, [failure])).toBe("0 passed, 3 failed, 1 skipped");
});
