/** What the container image is: layers over the root filesystem, and how it is run. All of it enters the image's digest. */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";

/** Files keep no time of their own: the same content is the same layer. */
export const EPOCH = new Date("2026-01-01T00:00:00Z");

export interface LayerFile {
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

interface FileLayer {
  readonly files: readonly LayerFile[];
}

/** A layer as an uncompressed tar: a file, or one made here. */
type Layer = { readonly tarFile: string } | FileLayer;

export interface ImageDescription {
  readonly tag: string;
  /** As Docker calls it: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly databasePort: number;
  /** Bottom first. What changes most is on top. */
  readonly layers: readonly Layer[];
}

/** What lies on top of Debian and the prepared data directory. */
export interface NodeFiles {
  readonly runtime: Uint8Array;
  readonly init: Uint8Array;
  /** For VMs, and for containers that stand in for them. */
  readonly vmConfig: Uint8Array;
  /** The node program as one module. */
  readonly program: Uint8Array;
  /** For images of another server that take their parts from this one: mysql8.Dockerfile. */
  readonly prepareData: Uint8Array;
  readonly mysqlSchema: Uint8Array;
}

export function nodeLayers({ runtime, init, vmConfig, program, prepareData, mysqlSchema }: NodeFiles): FileLayer[] {
  return [
    { files: [{ path: "usr/local/bin/node", mode: 0o755, content: runtime }] },
    {
      files: [
        { path: "usr/local/lib/meshbench/init.sh", mode: 0o755, content: init },
        { path: "usr/local/lib/meshbench/vm-config.sh", mode: 0o755, content: vmConfig },
        { path: "usr/local/lib/meshbench/node.mjs", mode: 0o644, content: program },
        { path: "usr/local/lib/meshbench/prepare-data.sh", mode: 0o755, content: prepareData },
        { path: "usr/local/lib/meshbench/schema-mysql.sql", mode: 0o644, content: mysqlSchema },
      ],
    },
  ];
}

/** The image as `docker load` takes it, which every engine does, offline too. */
export function packImage(image: ImageDescription): Readable {
  const archive = pack();
  writeImage(archive, image).catch((error: unknown) => {
    archive.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return Readable.from(archive);
}

async function writeImage(archive: Pack, image: ImageDescription): Promise<void> {
  const names: string[] = [];
  const diffIds: string[] = [];
  for (const layer of image.layers) {
    const name = `layer-${names.length}.tar`;
    names.push(name);
    diffIds.push(await writeLayer(archive, name, layer));
  }
  const config = Buffer.from(JSON.stringify(imageConfig(image, diffIds)));
  const configName = `${createHash("sha256").update(config).digest("hex")}.json`;
  archive.entry({ name: configName }, config);
  archive.entry(
    { name: "manifest.json" },
    JSON.stringify([{ Config: configName, RepoTags: [image.tag], Layers: names }]),
  );
  archive.finalize();
}

function imageConfig({ architecture, labels, databasePort }: ImageDescription, diffIds: readonly string[]) {
  return {
    architecture,
    os: "linux",
    created: EPOCH.toISOString(),
    config: {
      Entrypoint: ["/usr/local/lib/meshbench/init.sh"],
      Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      ExposedPorts: { [`${databasePort}/tcp`]: {} },
      WorkingDir: "/",
      Labels: labels,
    },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: diffIds.map(() => ({ created: EPOCH.toISOString(), created_by: "meshbench image build" })),
  };
}

/** @returns The layer's digest, `sha256:` and hex. */
async function writeLayer(archive: Pack, name: string, layer: Layer): Promise<string> {
  const hash = createHash("sha256");
  if ("tarFile" in layer) {
    const { size } = await stat(layer.tarFile);
    const source = createReadStream(layer.tarFile).on("data", (chunk) => hash.update(chunk));
    await pipeline(source, archive.entry({ name, size }));
  } else {
    const tar = await packLayer(layer.files);
    hash.update(tar);
    await pipeline(Readable.from([tar]), archive.entry({ name, size: tar.length }));
  }
  return `sha256:${hash.digest("hex")}`;
}

async function packLayer(files: readonly LayerFile[]): Promise<Buffer> {
  const layer = pack();
  for (const { path, mode, content } of files) {
    layer.entry({ name: path, mode, mtime: EPOCH, uid: 0, gid: 0 }, Buffer.from(content));
  }
  layer.finalize();
  return buffer(layer);
}
