import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FAILURES } from "#model/errors";

const CHECKOUT = join(import.meta.dirname, "..", "..");

test.for(Object.entries(FAILURES))("%s: the commands and guides that its hint names are there", ([, { hint }]) => {
  const commands = [...hint.matchAll(/\bmeshbench (\w+)/g)].map(([, command]) => `cli/commands/${command}.ts`);
  const guides = [...hint.matchAll(/\bdocs\/\S+\.md\b/g)].map(([path]) => path);
  expect([...commands, ...guides].filter((path) => !existsSync(join(CHECKOUT, path)))).toEqual([]);
});
