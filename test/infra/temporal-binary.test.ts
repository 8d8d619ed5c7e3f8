import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Steps } from "#infra/console/steps";
import { ensureTemporalBinary, isNewEnough, temporalBinary } from "#infra/temporal/binary";
import { moduleProxy } from "#infra/temporal/go-toolchain";

let cache: string;
let lines: string;
const steps = new Steps({ write: (text: string) => (lines += text) });
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "meshbench-cache-"));
  lines = "";
});
afterEach(() => rmSync(cache, { recursive: true }));

const works = (name: string) => ({ name, fetch: async (target: string) => writeFileSync(target, name) });
const fails = (name: string) => ({
  name,
  fetch: async () => {
    throw new Error(`${name} is out of order`);
  },
});

test("the first source that works is used, and why the others failed is said", async () => {
  const binary = await ensureTemporalBinary({ cache }, steps, [fails("one"), works("two"), works("three")]);
  expect(binary).toBe(temporalBinary({ cache }));
  expect(readFileSync(binary, "utf8")).toBe("two");
  expect(lines).toContain("one is out of order");
  expect(lines).not.toContain("three");
});

test("what is there already is not fetched again", async () => {
  await ensureTemporalBinary({ cache }, steps, [works("first")]);
  await ensureTemporalBinary({ cache }, steps, [works("second")]);
  expect(readFileSync(temporalBinary({ cache }), "utf8")).toBe("first");
});

test("nothing half-made is left where no source works", async () => {
  const failing = ensureTemporalBinary({ cache }, steps, [fails("one"), fails("two")]);
  await expect(failing).rejects.toThrow("tried one, two");
  expect(existsSync(temporalBinary({ cache }))).toBe(false);
  expect(readdirSync(cache)).toEqual([]);
});

test.for([
  ["temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)", true],
  ["temporal version 0.0.0-DEV (Server 1.29.2, UI 2.42.1)", true],
  ["temporal version 1.6.0 (Server 1.30.0, UI 2.43.0)", true],
  ["temporal version 2.0.0 (Server 2.0.0)", true],
  ["temporal version 1.4.1 (Server 1.28.9, UI 2.39.0)", false],
  ["tctl version 1.18", false],
] as const)("a server is taken from the PATH if it is new enough: %s", ([versions, expected]) => {
  expect(isNewEnough(versions)).toBe(expected);
});

test("Go is asked for where GOPROXY says", () => {
  expect(moduleProxy({ GOPROXY: "https://proxy.test/go/,direct" })).toBe("https://proxy.test/go");
  for (const GOPROXY of [undefined, "", "direct", "off"]) {
    expect(moduleProxy(GOPROXY === undefined ? {} : { GOPROXY })).toBe("https://proxy.golang.org");
  }
});
