import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readNodeImageInputs } from "#activities/image/node-image";
import { withForeignSource } from "#infra/node-image/foreign-source";
import { TempDir } from "#test/support/temp-dir";

const CHECKOUT = join(import.meta.dirname, "..", "..");

/** A copy of the files that a node image is made of. */
function copySource(dir: TempDir): string {
  for (const folder of ["node", "model", join("infra", "node-image")]) {
    cpSync(join(CHECKOUT, folder), dir.join("source", folder), { recursive: true });
  }
  return dir.join("source");
}

function edit(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

test("a source like ours makes our image, wherever it lies", async () => {
  using dir = new TempDir();
  const digest = await withForeignSource(copySource(dir), async (inputs) => inputs.digest);
  expect(digest).toBe((await readNodeImageInputs()).digest);
});

test("a changed program makes another image on the same Debian tree", async () => {
  using dir = new TempDir();
  const source = copySource(dir);
  edit(join(source, "node", "main.ts"), (text) => `${text}\nprocess.title = "another";\n`);
  const own = await readNodeImageInputs();
  const other = await withForeignSource(source, async (inputs) => inputs);
  expect(other.digest).not.toBe(own.digest);
  expect(other.rootfsDigest).toBe(own.rootfsDigest);
});

test("another protocol is refused with both versions", async () => {
  using dir = new TempDir();
  const source = copySource(dir);
  edit(join(source, "model", "node-protocol.ts"), (text) =>
    text.replace(/PROTOCOL_VERSION = \d+/, "PROTOCOL_VERSION = 999"),
  );
  await expect(withForeignSource(source, async () => "")).rejects.toThrow(
    /speaks protocol 999, this version speaks \d+/,
  );
});

test("another Debian tree is refused: making it would run what the source says", async () => {
  using dir = new TempDir();
  const source = copySource(dir);
  edit(join(source, "infra", "node-image", "packages.txt"), (text) => `${text}nmap\n`);
  await expect(withForeignSource(source, async () => "")).rejects.toThrow(/changes what the Debian tree is made of/);
});

test("a file of this machine gets into no image, neither by import nor by link", async () => {
  using dir = new TempDir();
  const source = copySource(dir);
  mkdirSync(dir.join("secret"));
  writeFileSync(dir.join("secret", "key.json"), '{"key":"canary"}');
  edit(
    join(source, "node", "main.ts"),
    (text) => `import key from "${dir.join("secret", "key.json")}";\nconsole.log(key);\n${text}`,
  );
  await expect(withForeignSource(source, async () => "")).rejects.toThrow(/imports a file from outside its checkout/);

  rmSync(join(source, "infra", "node-image", "init.sh"));
  symlinkSync(dir.join("secret", "key.json"), join(source, "infra", "node-image", "init.sh"));
  edit(join(source, "node", "main.ts"), (text) => text.split("\n").slice(2).join("\n"));
  await expect(withForeignSource(source, async () => "")).rejects.toThrow(/ENOENT/);
});
