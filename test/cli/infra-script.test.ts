import { expect, test } from "vitest";
import { toFlags } from "#cli/infra-script";

test("a command's options are handed on as flags, and what is off is left out", () => {
  expect(toFlags({ yes: true, force: false, json: undefined, only: ["engine", "image"] })).toEqual([
    "--yes",
    "--only",
    "engine",
    "image",
  ]);
});
