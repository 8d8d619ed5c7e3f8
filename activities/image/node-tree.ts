/** Node images as trees of files on this machine, for nodes that enter them without an engine. */

import { readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { readNodeImageInputs } from "#activities/image/node-image";

const DESCRIPTION = "image.json";

const treeFile = z.object({
  /** `sha256:` and 64 hex digits: of the image's inputs. */
  digest: z.string(),
  /** As Docker calls it: `amd64`, `arm64`. */
  architecture: z.string(),
  /** By `IMAGE_LABEL`, as a container image of the same inputs has them. */
  labels: z.record(z.string(), z.string()),
});
export type TreeDescription = z.infer<typeof treeFile>;

export interface NodeTree extends TreeDescription {
  /** The root of its file system. Never written to. */
  readonly root: string;
}

/** Under the installation's cache. */
export const nodeImageDir = (cache: string): string => join(cache, "node-image");

/** Of the inputs' digest, hex: what a tree is known by everywhere else. */
export const treeDigest = (inputsDigest: string): string => `sha256:${inputsDigest}`;

/** Of the tree that this checkout would make. */
export async function nodeTreeDigest(): Promise<string> {
  return treeDigest((await readNodeImageInputs()).digest);
}

/** Where a tree is, or would be: the folder with its root and its description. */
export function treeFolder(imageDir: string, digest: string): string {
  if (!/^sha256:[0-9a-f]{64}$/.test(digest)) throw new RangeError(`not a digest: ${JSON.stringify(digest)}`);
  return join(imageDir, `tree-${digest.slice("sha256:".length, "sha256:".length + 16)}`);
}

export const treeRoot = (folder: string): string => join(folder, "root");
export const treeDescription = (folder: string): string => join(folder, DESCRIPTION);

/** Marks it as in use, too. @returns `undefined` where there is none. */
export async function findNodeTree(imageDir: string, digest: string): Promise<NodeTree | undefined> {
  const folder = treeFolder(imageDir, digest);
  try {
    const description = treeFile.parse(JSON.parse(await readFile(treeDescription(folder), "utf8")));
    await utimes(folder, new Date(), new Date());
    return description.digest === digest ? { ...description, root: treeRoot(folder) } : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
