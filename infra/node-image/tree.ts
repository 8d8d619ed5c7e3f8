/** The node image as a tree of files on this machine, unpacked once: what native nodes enter. Needs no engine. */

import { chmod, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { arch, platform } from "node:process";
import { IMAGE_LABEL, readNodeImageInputs } from "#activities/image/node-image";
import type { NodeImageInputs } from "#activities/image/node-image";
import {
  findNodeTree,
  nodeImageDir,
  treeDescription,
  treeDigest,
  treeFolder,
  treeRoot,
} from "#activities/image/node-tree";
import type { TreeDescription } from "#activities/image/node-tree";
import { runCommand } from "#infra/console/commands";
import { isRoot } from "#infra/console/root";
import type { Steps } from "#infra/console/steps";
import { nodeLayers } from "#infra/node-image/layers";
import { readNodeFiles } from "#infra/node-image/node-files";
import { ensureRootfs } from "#infra/node-image/rootfs";
import { UnavailableError } from "#model/errors";
import { PROTOCOL_VERSION } from "#model/node-protocol";

/** Every node has its own of these, mounted over the tree's. */
const MOUNTED_FILES = ["etc/hosts", "etc/hostname", "etc/resolv.conf"] as const;
const UNFINISHED = "tree-build-";
/** No run lasts as long, and every node that starts marks its tree as used. */
const UNUSED_AFTER_MS = 30 * 24 * 3600 * 1000;

export interface BuiltTree {
  /** Of its inputs: `sha256:` and 64 hex digits. */
  readonly digest: string;
  readonly root: string;
  /** False where it was there. */
  readonly built: boolean;
}

/**
 * Safe to repeat, and in parallel: of two builds at once the first one counts.
 * @param cache - The installation's.
 * @throws {UnavailableError} This is no Linux, or the user is not root: files in the tree have owners of their own.
 */
export async function ensureNodeTree(cache: string, steps: Steps): Promise<BuiltTree> {
  const inputs = await readNodeImageInputs();
  const digest = treeDigest(inputs.digest);
  const imageDir = nodeImageDir(cache);
  const kept = await findNodeTree(imageDir, digest);
  if (kept) return { digest, root: kept.root, built: false };
  requireRootOnLinux();
  await mkdir(imageDir, { recursive: true });
  const work = await mkdtemp(join(imageDir, UNFINISHED));
  try {
    await buildTree(inputs, { imageDir, work, steps });
    await renameUnlessThere(work, treeFolder(imageDir, digest));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  await removeUnusedTrees(imageDir, steps);
  return { digest, root: treeRoot(treeFolder(imageDir, digest)), built: true };
}

function requireRootOnLinux(): void {
  if (platform !== "linux") throw new UnavailableError(`native nodes run on Linux, this is ${platform}`, "use docker");
  if (!isRoot()) throw new UnavailableError("native nodes need root", "run the same as root");
}

interface Build {
  readonly imageDir: string;
  readonly work: string;
  readonly steps: Steps;
}

async function buildTree(inputs: NodeImageInputs, { imageDir: cacheDir, work, steps }: Build): Promise<void> {
  const { rootfsDigest, schema, nodeVersion } = inputs;
  const architecture = arch === "x64" ? "amd64" : arch;
  const rootfs = await ensureRootfs({ digest: rootfsDigest, schema, architecture, cacheDir }, undefined, steps);
  const files = await readNodeFiles(inputs, { architecture, cacheDir, steps });
  const root = treeRoot(work);
  await mkdir(root, { mode: 0o755 });
  await steps.run("Unpacking the node image", async (step) => {
    const unpack = [
      "--extract",
      "--file",
      rootfs.tarFile,
      "--directory",
      root,
      "--numeric-owner",
      "--preserve-permissions",
    ];
    await runCommand("tar", unpack, { step });
    for (const { path, mode, content } of nodeLayers(files).flatMap((layer) => layer.files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), content);
      await chmod(join(root, path), mode);
    }
    for (const path of MOUNTED_FILES) await writeFile(join(root, path), "", { mode: 0o644 });
  });
  const description: TreeDescription = {
    digest: treeDigest(inputs.digest),
    architecture,
    labels: {
      [IMAGE_LABEL.inputs]: inputs.digest,
      [IMAGE_LABEL.protocol]: String(PROTOCOL_VERSION),
      [IMAGE_LABEL.database]: rootfs.database,
      [IMAGE_LABEL.node]: nodeVersion,
    },
  };
  await writeFile(treeDescription(work), `${JSON.stringify(description)}\n`);
}

async function renameUnlessThere(work: string, folder: string): Promise<void> {
  await rename(work, folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  });
}

/** Those of earlier versions, a third of a gigabyte each, and what killed builds left. */
async function removeUnusedTrees(imageDir: string, steps: Steps): Promise<void> {
  for (const name of (await readdir(imageDir)).filter((one) => one.startsWith("tree-"))) {
    const path = join(imageDir, name);
    const stats = await stat(path).catch(() => undefined); // another build was faster
    if (stats === undefined || Date.now() - stats.mtimeMs < UNUSED_AFTER_MS) continue;
    await rm(path, { recursive: true, force: true });
    steps.note(`Removed ${path}, unused for a month`);
  }
}
