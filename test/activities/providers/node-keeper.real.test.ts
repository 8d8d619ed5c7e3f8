import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isAlive } from "#activities/process-identity";
import { NodeCgroups } from "#activities/providers/node-cgroups";
import { NodeFolders, readIdentity } from "#activities/providers/node-folders";
import { becomingNode, removeKeptNode, startKeeper } from "#activities/providers/node-keeper";
import { newRunId } from "#test/support/provider-contract";

const dir = mkdtempSync(join(tmpdir(), "meshbench-keeper-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A `flock` that finds the lock taken when it is called for the first time. */
function pathWithTakenLock(): string {
  const bin = join(dir, "bin");
  mkdirSync(bin);
  const script = `#!/bin/sh\nmkdir "${bin}/called" 2>/dev/null && exit 1\nexec /usr/bin/flock "$@"\n`;
  writeFileSync(join(bin, "flock"), script);
  chmodSync(join(bin, "flock"), 0o755);
  return [bin, process.env["PATH"]].join(delimiter);
}

test("a node begins although another keeper had its lock, and died before it said so", async () => {
  const folder = await new NodeFolders(join(dir, "nodes")).ensure(`${newRunId()}-n1`, {}, {});
  const cgroups = await NodeCgroups.open();
  await cgroups.ensure(folder.name, { cpus: 1, memoryMib: 64 });
  try {
    const command = [...becomingNode(folder), "sleep", "60"];
    await startKeeper({ folder, node: 1, env: { PATH: pathWithTakenLock() }, cgroups, command }, async () => true);
    const init = await readIdentity(folder, "init");
    expect(init && isAlive(init)).toBe(true);
  } finally {
    await removeKeptNode(folder, cgroups);
  }
});
