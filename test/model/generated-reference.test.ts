import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generateReference } from "#infra/generate-reference";

const REPOSITORY = join(import.meta.dirname, "..", "..");

test.for(generateReference())(
  "$path is what the schema says; else run: node infra/generate-reference.ts",
  async (file) => {
    expect(await readFile(join(REPOSITORY, file.path), "utf8")).toBe(file.content);
  },
);
