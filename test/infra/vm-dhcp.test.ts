import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { expect, test } from "vitest";
import { TempDir } from "#test/support/temp-dir";

const SCRIPT = join(import.meta.dirname, "../../infra/node-image/vm-dhcp.sh");
const LEASE = { interface: "eth0", ip: "198.18.9.7", mask: "24", router: "198.18.9.254", dns: "198.18.9.2 198.18.9.3" };

/** A VM that has these files, and DHCP's answer several times. @returns The files afterwards, and what `ip` was called with. */
function takeLease({ resolvers, events }: { resolvers: string; events: readonly string[] }) {
  using dir = new TempDir();
  for (const folder of ["bin", "etc"]) mkdirSync(dir.join(folder));
  writeFileSync(dir.join("etc/hosts"), "127.0.0.1 localhost\n");
  writeFileSync(dir.join("etc/resolv.conf"), resolvers);
  writeFileSync(dir.join("calls"), "");
  for (const [name, line] of [
    ["ip", `echo "$*" >> "${dir.join("calls")}"`],
    ["hostname", "echo sample-n1"],
  ] as const) {
    writeFileSync(dir.join("bin", name), `#!/bin/sh\n${line}\n`);
    chmodSync(dir.join("bin", name), 0o755);
  }
  const env = { ...LEASE, ROOT: dir.path, PATH: [dir.join("bin"), process.env["PATH"]].join(delimiter) };
  for (const event of events) execFileSync("sh", [SCRIPT, event], { env });
  const lines = (name: string) => readFileSync(dir.join(name), "utf8").trimEnd().split("\n");
  return { hosts: lines("etc/hosts"), resolvers: lines("etc/resolv.conf"), calls: lines("calls") };
}

test("a VM takes its address, its own name and its resolvers from DHCP, once", () => {
  const { hosts, resolvers, calls } = takeLease({ resolvers: "options attempts:1\n", events: ["bound", "renew"] });
  const taken = ["address replace 198.18.9.7/24 dev eth0", "route replace default via 198.18.9.254"];
  expect(calls).toEqual([...taken, ...taken]);
  expect(hosts).toEqual(["127.0.0.1 localhost", "198.18.9.7 sample-n1"]);
  expect(resolvers).toEqual(["options attempts:1", "nameserver 198.18.9.2", "nameserver 198.18.9.3"]);
});

test("a VM that was told of resolvers asks no others", () => {
  const told = ["nameserver 192.0.2.53", "options attempts:1"];
  expect(takeLease({ resolvers: `${told.join("\n")}\n`, events: ["bound"] }).resolvers).toEqual(told);
});
