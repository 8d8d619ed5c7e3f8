import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FAILURES } from "#model/errors";

const CHECKOUT = join(import.meta.dirname, "..", "..");

test.for(Object.entries(FAILURES))("%s: what its hint names is there", ([, { hint }]) => {
  for (const [, command] of hint.matchAll(/\bmeshbench (\w+)/g)) {
    expect(existsSync(join(CHECKOUT, "cli", "commands", `${command}.ts`)), `meshbench ${command}`).toBe(true);
  }
  for (const [path] of hint.matchAll(/\bdocs\/\S+\.md\b/g)) expect(existsSync(join(CHECKOUT, path)), path).toBe(true);
});
