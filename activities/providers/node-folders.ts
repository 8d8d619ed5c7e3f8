/**
 * The folders of nodes that no engine keeps, native ones and machines: one for each, in one place of the host, with the
 * node's labels, files, log, and what its keeper says of it. A folder is there with its labels or not at all; it is made first and removed last.
 */

import { mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseProcessStat } from "#activities/guards/proc-text";
import { ignoring } from "#activities/ignoring";
import type { ProcessIdentity } from "#activities/process-identity";
import type { Labels } from "#activities/providers/labels";
import type { LabelledResource } from "#activities/providers/provider";
import { LABEL } from "#model/ids";
import { jsonOrUndefined } from "#model/json";

const LABELS_FILE = "labels.json";
/** The node's tree is mounted here, in the node's own mount namespace and nowhere else. */
const MOUNT_POINT = "root";
/** Being made, or left by a worker that died. */
const UNFINISHED = ".new-";
const LOG_LIMIT_BYTES = 1024 * 1024;

const labelsFile = z.record(z.string(), z.string());

/** Texts by name. */
export type NodeFiles = Readonly<Record<string, string>>;

export interface NodeFolder {
  readonly name: string;
  readonly path: string;
  readonly labels: Labels;
}

export class NodeFolders {
  readonly #dir: string;

  /** @param dir - The same for all installations on the machine. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  pathOf(name: string): string {
    return join(this.#dir, name);
  }

  /** @returns The folder of that name, new or not: its labels say whose it is. */
  async ensure(name: string, labels: Labels, files: NodeFiles): Promise<NodeFolder> {
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    const made = await mkdtemp(join(this.#dir, UNFINISHED));
    for (const [file, text] of Object.entries({ [LABELS_FILE]: JSON.stringify(labels), ...files })) {
      await writeFile(join(made, file), text);
    }
    await mkdir(join(made, MOUNT_POINT));
    try {
      await rename(made, this.pathOf(name));
    } catch (error) {
      await removeFolder(made);
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOTEMPTY" && code !== "EEXIST" && code !== "ENOTDIR") throw error;
    }
    return { name, path: this.pathOf(name), labels: (await this.#readLabels(name)) ?? {} };
  }

  /** All that carry labels, unfinished ones too. */
  async list(): Promise<NodeFolder[]> {
    const names = (await ignoring("ENOENT", readdir(this.#dir))) ?? [];
    const folders = await Promise.all(
      names.map(async (name) => ({ name, path: this.pathOf(name), labels: (await this.#readLabels(name)) ?? {} })),
    );
    return folders.filter(({ labels }) => labels[LABEL.run] !== undefined);
  }

  async find(name: string): Promise<NodeFolder | undefined> {
    const labels = await this.#readLabels(name);
    return labels?.[LABEL.run] === undefined ? undefined : { name, path: this.pathOf(name), labels };
  }

  /** @returns `undefined` where there are none, or something else has that name. */
  async #readLabels(name: string): Promise<Labels | undefined> {
    const text = await readIfThere(join(this.pathOf(name), LABELS_FILE));
    const labels = labelsFile.safeParse(text === undefined ? undefined : jsonOrUndefined(text));
    return labels.success ? labels.data : undefined;
  }
}

/** What a keeper wrote: `keeper` is itself, `init` the node's PID 1. */
export async function readIdentity(folder: NodeFolder, whose: "keeper" | "init"): Promise<ProcessIdentity | undefined> {
  const stat = parseProcessStat((await readIfThere(join(folder.path, whose))) ?? "");
  return stat && { pid: stat.pid, startTicks: stat.startTicks };
}

/** @returns `undefined` as long as the node is not over, or nobody could say how it ended. */
export async function readExitCode(folder: NodeFolder): Promise<number | undefined> {
  const text = await readIfThere(join(folder.path, "exit"));
  return text === undefined ? undefined : Number(text);
}

/** What keeper and node printed, oldest first, at most the last MiB. */
export async function readLog({ path }: NodeFolder): Promise<string> {
  const parts = await Promise.all(["start.log", "log.1", "log"].map((file) => readIfThere(join(path, file))));
  return Buffer.from(parts.join("")).subarray(-LOG_LIMIT_BYTES).toString();
}

export const startLogOf = ({ path }: NodeFolder): string => join(path, "start.log");

/**
 * Removes a folder, its labels last, once nothing runs in it. Never what is mounted in it: an entry that is not ours to
 * remove makes it fail.
 */
export async function removeFolder(path: string): Promise<void> {
  const names = (await ignoring("ENOENT", readdir(path))) ?? [];
  for (const name of names) {
    if (name === MOUNT_POINT) await ignoring("ENOENT", rmdir(join(path, name)));
    else if (name !== LABELS_FILE) await rm(join(path, name), { force: true });
  }
  await rm(join(path, LABELS_FILE), { force: true });
  await ignoring("ENOENT", rmdir(path));
}

export function describeFolder({ name, labels }: NodeFolder, kind: "process" | "vm" = "process"): LabelledResource {
  const { [LABEL.run]: runId = "", [LABEL.host]: host = "", [LABEL.deadline]: deadlineAt = "" } = labels;
  const { [LABEL.node]: node } = labels;
  const isNode = !name.startsWith(UNFINISHED) && node !== undefined;
  return {
    kind: isNode ? kind : "folder",
    id: name,
    name,
    runId,
    host,
    deadlineAt,
    ...(isNode && { node: Number(node) }),
  };
}

/** Nothing is below what is no folder, either. */
const readIfThere = (path: string): Promise<string | undefined> =>
  ignoring("ENOTDIR", ignoring("ENOENT", readFile(path, "utf8")));
