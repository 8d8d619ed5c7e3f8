import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { TempDir } from "#test/support/temp-dir";

const CHECKOUT = join(import.meta.dirname, "..");
const OXLINT = join(CHECKOUT, "node_modules", "oxlint", "bin", "oxlint");

/** @returns The lint's complaints about a file of that content. */
function lint(file: string, content: string): string {
  using dir = new TempDir();
  copyFileSync(join(CHECKOUT, ".oxlintrc.json"), dir.join(".oxlintrc.json"));
  mkdirSync(dirname(dir.join(file)), { recursive: true });
  writeFileSync(dir.join(file), content);
  const { status, stdout } = spawnSync(process.execPath, [OXLINT, file], { cwd: dir.path, encoding: "utf8" });
  return status === 0 ? "" : stdout;
}

test.for([
  [
    "model/a.ts",
    'import type { A } from "#activities/index";\nexport type B = A;\n',
    "model/ imports zod and itself only",
  ],
  ["report/a.ts", 'export { Govc } from "#govc-wrapper";\n', "report/ is pure: model only"],
  [
    "govc-wrapper/src/a.ts",
    'import type { A } from "#model/run";\nexport type B = A;\n',
    "govc-wrapper/ is a package of its own: zod only",
  ],
  ["model/a.ts", 'import type { A } from "../activities/index.ts";\nexport type B = A;\n', "parent directories"],
  ["node/a.ts", 'export const load = () => import("../worker/wiring.ts");\n', "parent directories"],
  ["cli/a.ts", 'export { a } from "./../activities/index.ts";\n', "parent directories"],
] as const)("an import past the layers fails: %s: %s", ([file, content, complaint]) => {
  expect(lint(file, content)).toContain(complaint);
});

test("an import that the layers allow passes", () => {
  expect(lint("activities/a.ts", 'import type { A } from "#model/run";\nexport type B = A;\n')).toBe("");
});
