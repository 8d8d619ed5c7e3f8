import { createHash } from "node:crypto";
import { appendFile, cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { extract } from "tar-stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { digestOf, IMAGE_LABEL, type NodeImageInputs, readNodeImageInputs } from "#activities/image/node-image";
import { nodeSchema } from "#activities/image/node-schema";
import { nodeLayers, packImage } from "#infra/node-image/layers";

const CHECKOUT = join(import.meta.dirname, "..", "..");

describe("the node image's tag", () => {
  let copy: string;
  let original: NodeImageInputs;

  beforeAll(async () => {
    copy = await mkdtemp(join(tmpdir(), "meshbench-checkout-"));
    for (const part of ["node", "model", "infra/node-image", "package.json"]) {
      await cp(join(CHECKOUT, part), join(copy, part), { recursive: true });
    }
    await symlink(join(CHECKOUT, "node_modules"), join(copy, "node_modules"));
    original = await readNodeImageInputs(copy);
  });

  afterAll(() => rm(copy, { recursive: true }));

  async function tagWith(file: string, line: string): Promise<NodeImageInputs> {
    const before = await readFile(join(copy, file));
    await appendFile(join(copy, file), `${line}\n`);
    const inputs = await readNodeImageInputs(copy);
    await writeFile(join(copy, file), before);
    return inputs;
  }

  test.for([
    ["node/main.ts", "// a comment is not in the image"],
    ["model/plan.ts", "console.log('nor is what nodes do not use');"],
  ] as const)("stays with %s: %s", async ([file, line]) => {
    expect(original.tag).toMatch(/^meshbench-node:[0-9a-f]{16}$/);
    expect((await tagWith(file, line)).tag).toBe(original.tag);
  });

  test.for([
    ["node/main.ts", "console.log('changed');", "program"],
    ["infra/node-image/init.sh", "# changed", "program"],
    ["infra/node-image/layers.ts", "// changed", "program"],
    ["infra/node-image/packages.txt", "less", "rootfs"],
    ["infra/node-image/database.cnf", "# changed", "rootfs"],
    ["infra/node-image/rootfs.sh", "# changed", "rootfs"],
    ["infra/node-image/debian-archive.sh", "# changed", "rootfs"],
    ["infra/node-image/prepare-data.sh", "# changed", "rootfs"],
  ] as const)("changes with %s", async ([file, line, part]) => {
    const inputs = await tagWith(file, line);
    expect(inputs.tag).not.toBe(original.tag);
    expect(inputs.rootfsDigest === original.rootfsDigest).toBe(part === "program");
  });
});

test("a digest depends on names and contents, not on their order or where one ends", () => {
  const digest = digestOf({ a: "1", b: "23" });
  expect(digestOf({ b: "23", a: "1" })).toBe(digest);
  expect(digestOf({ a: "12", b: "3" })).not.toBe(digest);
  expect(digestOf({ a: "23", b: "1" })).not.toBe(digest);
});

test.for(["mariadb", "mysql"] as const)("the schema for %s is one statement a line", (server) => {
  const lines = nodeSchema(server).trimEnd().split("\n");
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) expect(line).toMatch(/^[A-Z].*;$/);
});

async function packSample(): Promise<Record<string, string>> {
  const content = Buffer.from("x");
  const layers = nodeLayers({
    runtime: content,
    init: content,
    program: content,
    vmConfig: content,
    prepareData: content,
    mysqlSchema: content,
  });
  const image = { tag: "meshbench-node:0", architecture: "amd64", labels: { a: "b" }, databasePort: 3306, layers };
  const files: Record<string, string> = {};
  for await (const entry of packImage(image).pipe(extract())) files[entry.header.name] = await text(entry);
  return files;
}

test("packs the same inputs into the same image, named by its content", async () => {
  const files = await packSample();
  expect(await packSample()).toEqual(files);
  const [manifest] = JSON.parse(files["manifest.json"] ?? "");
  expect(manifest).toMatchObject({ RepoTags: ["meshbench-node:0"], Layers: ["layer-0.tar", "layer-1.tar"] });
  const config = files[manifest.Config] ?? "";
  expect(manifest.Config).toBe(`${createHash("sha256").update(config).digest("hex")}.json`);
  expect(JSON.parse(config)).toMatchObject({ architecture: "amd64", os: "linux", config: { Labels: { a: "b" } } });
  const digests = ["layer-0.tar", "layer-1.tar"].map((name) => createHash("sha256").update(files[name] ?? ""));
  expect(JSON.parse(config).rootfs.diff_ids).toEqual(digests.map((hash) => `sha256:${hash.digest("hex")}`));
});

test("the Dockerfile for MySQL 8 states the protocol it is told, and no number of its own", async () => {
  const dockerfile = await readFile(join(CHECKOUT, "infra", "node-image", "mysql8.Dockerfile"), "utf8");
  const stated = dockerfile.split("\n").filter((line) => line.startsWith("LABEL "));
  expect(stated).toEqual([`LABEL ${IMAGE_LABEL.protocol}=\${PROTOCOL}`]);
});
