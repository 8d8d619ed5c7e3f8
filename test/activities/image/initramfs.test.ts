import { mkdirSync, writeFileSync } from "node:fs";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { collectModules, packCpio, packModules } from "#activities/image/initramfs";
import { TempDir } from "#test/support/temp-dir";

let dir: TempDir;
beforeEach(() => {
  dir = new TempDir();
});
afterEach(() => dir[Symbol.dispose]());

/** As the kernel walks through an archive. */
function unpack(archive: Buffer): { path: string; mode: number; content: string }[] {
  const files = [];
  for (let at = 0; at < archive.length;) {
    const field = (index: number) =>
      Number.parseInt(archive.toString("latin1", at + 6 + index * 8, at + 14 + index * 8), 16);
    expect(archive.toString("latin1", at, at + 6)).toBe("070701");
    const [mode, size, nameLength] = [field(1), field(6), field(11)];
    const begin = at + Math.ceil((110 + nameLength) / 4) * 4;
    const path = archive.toString("latin1", at + 110, at + 110 + nameLength - 1);
    files.push({ path, mode, content: archive.toString("latin1", begin, begin + size) });
    at = begin + Math.ceil(size / 4) * 4;
  }
  return files;
}

test("an archive has every folder before what is in it, and ends as the kernel expects", () => {
  const content = Buffer.from("hello");
  const archive = packCpio([{ path: "bin/deep/tool", mode: 0o755, content }], ["dev"]);
  expect(unpack(archive)).toEqual([
    { path: "dev", mode: 0o040755, content: "" },
    { path: "bin", mode: 0o040755, content: "" },
    { path: "bin/deep", mode: 0o040755, content: "" },
    { path: "bin/deep/tool", mode: 0o100755, content: "hello" },
    { path: "TRAILER!!!", mode: 0, content: "" },
  ]);
});

const source = (name: string, depends = "") => Buffer.from(`\x7fELF\0name=${name}\0depends=${depends}\0`, "latin1");

function write(path: string, content: Buffer): void {
  const folder = dir.join("kernel", path.split("/").slice(0, -1).join("/"));
  mkdirSync(folder, { recursive: true });
  writeFileSync(dir.join("kernel", path), content);
}

describe("kernel modules", () => {
  beforeEach(() => {
    write("drivers/net/virtio-net.ko", source("virtio_net", "net-failover,virtio"));
    write("drivers/net/net_failover.ko.zst", zstdCompressSync(source("net_failover", "failover")));
    write("net/failover.ko.gz", gzipSync(source("failover")));
    write("drivers/virtio/virtio.ko", source("virtio"));
    writeFileSync(dir.join("modules.builtin"), "kernel/fs/ext4/ext4.ko\n");
  });

  test("come after those they need, each once, compressed or not, however their names are spelt", async () => {
    const modules = await collectModules(dir.path, ["virtio_net", "virtio"]);
    expect(modules.map(({ name }) => name)).toEqual(["failover", "net_failover", "virtio", "virtio_net"]);
    expect(unpack(packModules(modules)).map(({ path }) => path)).toEqual([
      "modules",
      "modules/00-failover.ko",
      "modules/01-net_failover.ko",
      "modules/02-virtio.ko",
      "modules/03-virtio_net.ko",
      "TRAILER!!!",
    ]);
  });

  test("that are built in are left out, and one that is nowhere is named", async () => {
    expect(await collectModules(dir.path, ["ext4"])).toEqual([]);
    await expect(collectModules(dir.path, ["vmxnet3"])).rejects.toThrow("no module vmxnet3");
  });
});
