import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createReadStream } from "node:fs";
import { buffer } from "node:stream/consumers";
import { extract } from "tar-stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { VM_DISK_FILE } from "#activities/image/vm-disk";
import { runCommand } from "#infra/console/commands";
import { packAppliance } from "#infra/node-image/ova";
import { TempDir } from "#test/support/temp-dir";

const MIB = 1024 * 1024;
const dir = new TempDir();
const root = Buffer.alloc(2 * MIB, "root filesystem ");
const files = new Map<string, Buffer>();

beforeAll(async () => {
  for (const name of ["work", "made"]) mkdirSync(dir.join(name));
  writeFileSync(dir.join("root.ext4"), root);
  const parts = {
    root: dir.join("root.ext4"),
    start: { kernel: Buffer.from("kernel"), init: Buffer.from("init"), modules: Buffer.from("modules") },
    // Any program has sections that more can be added to.
    loader: "/bin/true",
    work: dir.join("work"),
    made: dir.join("made"),
  };
  await packAppliance(parts, { detail: () => {} });
  const archive = createReadStream(dir.join("made", VM_DISK_FILE.appliance)).pipe(extract());
  for await (const entry of archive) files.set(entry.header.name, await buffer(entry));
});
afterAll(() => dir[Symbol.dispose]());

test("the description comes first, then digests that fit, then the disk", () => {
  expect([...files.keys()]).toEqual(["meshbench-node.ovf", "meshbench-node.mf", "meshbench-node-disk1.vmdk"]);
  const digests = files.get("meshbench-node.mf")?.toString() ?? "";
  for (const name of ["meshbench-node.ovf", "meshbench-node-disk1.vmdk"]) {
    const digest = createHash("sha256").update(files.get(name)!).digest("hex");
    expect(digests).toContain(`SHA256(${name})= ${digest}\n`);
  }
});

test("the disk is a stream as ESXi imports it: what its firmware starts, and the root filesystem behind it", async () => {
  const disk = dir.join("work", "meshbench-node-disk1.vmdk");
  const info = JSON.parse(await runCommand("qemu-img", ["info", "--output=json", disk])) as {
    "virtual-size": number;
    "format-specific": { data: { "create-type": string } };
  };
  expect(info["format-specific"].data["create-type"]).toBe("streamOptimized");
  expect(files.get("meshbench-node.ovf")?.toString()).toContain(`ovf:capacity="${info["virtual-size"]}"`);

  const raw = dir.join("unpacked.raw");
  await runCommand("qemu-img", ["convert", "-O", "raw", disk, raw]);
  const table = JSON.parse(await runCommand("sfdisk", ["--json", raw])) as {
    partitiontable: { label: string; partitions: { start: number; size: number }[] };
  };
  expect(table.partitiontable.label).toBe("gpt");
  const [boot, second] = table.partitiontable.partitions;
  const bytes = readFileSync(raw);
  expect(bytes.subarray(second!.start * 512, second!.start * 512 + root.length).equals(root)).toBe(true);
  const listing = await runCommand("mdir", ["-b", "-/", "-i", `${raw}@@${boot!.start * 512}`, "::/"]);
  expect(listing).toContain("::/EFI/BOOT/BOOTX64.EFI");
});
