/** What would be published: packed, installed in an empty project, used there. */

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { TempDir } from "#test/support/temp-dir";

const ROOT = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);

/** The machine's own Node where there is one: older than ours, perhaps, as a user's may be. */
function usersNode(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => !folder.includes("node_modules"));
  return folders.map((folder) => join(folder, "node")).find((path) => existsSync(path)) ?? process.execPath;
}

const CONSUMER = `
import { Govc, GovcError } from "govc-wrapper";
import type { VmInfo } from "govc-wrapper";
try {
  await Govc.open({ url: "ftp://esxi.invalid", username: "a", password: "b" });
} catch (error) {
  if (error instanceof GovcError) console.log(error.kind);
}
export const nameOf = (vm: VmInfo): string => vm.name;
`;

test("can be installed from its tarball, imported and type-checked", async () => {
  using dir = new TempDir();
  const folders = ["govc-wrapper", "node_modules/zod"].map((folder) => join(ROOT, folder));
  await run("npm", ["pack", "--pack-destination", dir.path, ...folders], { cwd: ROOT });
  const project = dir.join("project");
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }));
  writeFileSync(join(project, "consumer.ts"), CONSUMER);
  // Both from files, so that no registry is needed.
  const tarballs = readdirSync(dir.path).filter((name) => name.endsWith(".tgz"));
  const install = ["install", "--offline", "--no-audit", "--no-fund", ...tarballs.map((name) => dir.join(name))];
  await run("npm", install, { cwd: project });

  const tsc = join(ROOT, "node_modules", ".bin", "tsc");
  const types = ["--types", "node", "--typeRoots", join(ROOT, "node_modules", "@types")];
  const options = ["--module", "nodenext", "--target", "es2023", "--lib", "esnext", "--strict", ...types];
  await run(tsc, [...options, "consumer.ts"], { cwd: project });
  const { stdout } = await run(usersNode(), ["consumer.js"], { cwd: project });
  expect(stdout.trim()).toBe("usage");
});
