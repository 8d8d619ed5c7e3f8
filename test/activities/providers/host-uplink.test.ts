import { chmodSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { closeToOutside } from "#activities/providers/host-uplink";
import { TempDir } from "#test/support/temp-dir";

const RUN_ID = "sweep-p1-r1-a1";
const dir = new TempDir();
afterEach(() => vi.unstubAllEnvs());
afterAll(() => dir[Symbol.dispose]());

/** A program of that name, and no other one. */
function installIptables(script: string): void {
  writeFileSync(dir.join("iptables"), `#!/bin/sh\n${script}\n`);
  chmodSync(dir.join("iptables"), 0o700);
  vi.stubEnv("PATH", dir.path);
}

describe("a run's way to the outside", () => {
  test("is none where the kernel has no such table", async () => {
    installIptables(`echo "can't initialize iptables table: Table does not exist" >&2; exit 3`);
    await expect(closeToOutside(RUN_ID)).resolves.toBeUndefined();
  });

  test("does not count as closed while somebody else holds the rules", async () => {
    installIptables(`echo "Another app is currently holding the xtables lock." >&2; exit 4`);
    await expect(closeToOutside(RUN_ID)).rejects.toThrow("xtables lock");
  });
});
