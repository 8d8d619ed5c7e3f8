import { spawnSync } from "node:child_process";
import { join } from "node:path";
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

test("a set-up that fails is counted too, after the reason", { timeout: 30_000 }, () => {
  const suite = join(import.meta.dirname, "..", "..", "infra", "test-suite.ts");
  const env = { ...process.env, DOCKER_HOST: "unix:///nonexistent/engine.sock" };
  const { status, stdout, stderr } = spawnSync(process.execPath, [suite], { env, encoding: "utf8" });
  expect(stderr).toContain("error: Docker engine at /nonexistent/engine.sock: ENOENT");
  expect(stdout).toBe("0 passed, 1 failed, 0 skipped\n");
  expect(status).toBe(5);
});
