import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { planCommand } from "#cli/commands/plan";
import { InputError } from "#model/errors";

const home = join(tmpdir(), `meshbench-no-home-${process.pid}`);
let printed = "";

beforeEach(() => {
  printed = "";
  vi.stubEnv("MESHBENCH_HOME", home);
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    printed += String(text);
    return true;
  });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

const plan = (...args: string[]) => planCommand().exitOverride().parseAsync(args, { from: "user" });

test("plan prints one JSON document, needs no installation and makes none", async () => {
  await plan("paper/test-3", "--set", "nodes=4", "--set", "rate=6000,60000", "--set", "repetitions=2", "--json");
  const document = JSON.parse(printed) as { points: unknown[]; runs: unknown[] };
  expect(document.points).toHaveLength(2);
  expect(document.runs).toHaveLength(4);
  expect(existsSync(home)).toBe(false);
});

test("plan prints nothing where the spec is bad", async () => {
  await expect(plan("quick", "--set", "nodes=0", "--env", "vms")).rejects.toThrow(InputError);
  expect(printed).toBe("");
});
