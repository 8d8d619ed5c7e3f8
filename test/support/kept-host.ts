/** A place of its own for nodes that keepers look after, and what befalls those from outside. */

import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { killProcess } from "#activities/process-identity";
import type { ProcessIdentity } from "#activities/process-identity";
import { NodeFolders, readExitCode, readIdentity } from "#activities/providers/node-folders";
import type { NodeHandle } from "#model/run";

const POLL_MS = 10;
const LIMIT_MS = 10_000;

export abstract class KeptHost implements Disposable {
  readonly dir: string;
  readonly nodesDir: string;
  readonly folders: NodeFolders;

  constructor(dir: string) {
    this.dir = dir;
    this.nodesDir = join(dir, "nodes");
    this.folders = new NodeFolders(this.nodesDir);
  }

  async identityOf({ id }: NodeHandle, whose: "keeper" | "init"): Promise<ProcessIdentity> {
    const folder = await this.folders.find(id);
    const identity = folder && (await readIdentity(folder, whose));
    if (!identity) throw new Error(`${id} has no ${whose}`);
    return identity;
  }

  /** Ends the node's first process; its keeper then says how it ended. */
  async kill(node: NodeHandle): Promise<void> {
    killProcess(await this.identityOf(node, "init"));
    const folder = await this.folders.find(node.id);
    await until(async () => folder !== undefined && (await readExitCode(folder)) !== undefined);
  }

  /** Somebody else's folder of that name. */
  async makeForeign(name: string): Promise<{ exists: () => Promise<boolean> }> {
    const path = this.folders.pathOf(name);
    await mkdir(path, { recursive: true });
    writeFileSync(join(path, "somebody's"), "");
    return { exists: async () => readdirSync(path).length === 1 };
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** @throws When it is not so after ten seconds. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error("it is not so after ten seconds");
    await delay(POLL_MS);
  }
}
