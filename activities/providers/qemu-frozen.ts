/**
 * Emulated machines take their time to boot, each the same way. So one is booted for all of a size, up to where it asks
 * what it is, and its memory is kept in a file: the machines of a run go on from there, each with a disk, an address and a
 * name of its own.
 */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { z } from "zod";
import { VM_DISK_FILE } from "#activities/image/vm-disk";
import type { VmDisk } from "#activities/image/vm-disk";
import { runHostCommand } from "#activities/providers/host-command";
import { nodeArguments, QEMU, VM_FILE } from "#activities/providers/qemu-machine";
import type { Machine } from "#activities/providers/qemu-machine";
import { askMonitor } from "#activities/providers/qemu-monitor";
import { sleep } from "#activities/timing";
import { BenchError } from "#model/errors";

/** As vm-init.sh says it. */
const WAITS = "waits to be told what it is";
const STATE = "state";
const WORK = "freezing-";
const LIMIT_MS = 180_000;
const POLL_MS = 100;

const migrationShape = z.object({ status: z.string().optional() });

/** Where the memory of a machine like this one is, or would be. It fits the same disk, size and version of QEMU only. */
export function frozenStateOf(disk: VmDisk, machine: Machine, qemuVersion: string): string {
  const likeness = [...nodeArguments(alone(machine), "wait"), qemuVersion].join("\n");
  const digest = createHash("sha256").update(likeness).digest("hex").slice(0, 16);
  return join(disk.dir, `frozen-${digest}.state`);
}

export async function isFrozen(state: string): Promise<boolean> {
  return access(state).then(
    () => true,
    () => false,
  );
}

/**
 * Takes as long as one machine takes to boot. It ends with this process, whatever becomes of that.
 * @throws {BenchError} `node failed`
 */
export async function freezeMachine(disk: VmDisk, machine: Machine, state: string, signal: AbortSignal): Promise<void> {
  await removeAbandonedWork(disk.dir);
  const work = await mkdtemp(join(disk.dir, WORK));
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  try {
    await createOverlay(disk, join(work, VM_FILE.overlay));
    const qemu = spawnAlone(nodeArguments(alone(machine), "wait"), work, limit);
    await untilItWaits(qemu);
    await writeMemory(`/proc/${qemu.pid}/cwd/${VM_FILE.monitor}`, limit);
    qemu.kill("SIGKILL");
    await rename(join(work, STATE), state);
  } catch (error) {
    signal.throwIfAborted();
    const message = `no emulated machine could be frozen: ${(error as Error).message}`;
    throw new BenchError("node failed", message, {}, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Of workers that were killed over it: nobody is at it for longer than the limit. */
export async function removeAbandonedWork(dir: string, now = new Date()): Promise<void> {
  for (const name of (await readdir(dir)).filter((one) => one.startsWith(WORK))) {
    const path = join(dir, name);
    const since = await stat(path).catch(() => undefined); // another worker was faster
    if (since && now.getTime() - since.mtimeMs > 2 * LIMIT_MS) await rm(path, { recursive: true, force: true });
  }
}

export async function createOverlay(disk: VmDisk, path: string): Promise<void> {
  const base = ["-b", join(disk.dir, VM_DISK_FILE.disk), "-F", "qcow2"];
  await runHostCommand("qemu-img", ["create", "-q", "-f", "qcow2", ...base, path]);
}

/** Of no node: its tap is in a namespace that nothing else is in. */
const alone = (machine: Machine): Machine => ({
  ...machine,
  name: "meshbench-frozen",
  network: { tap: "alone", mac: "52:54:00:6d:00:00", isVhost: false },
});

function spawnAlone(args: readonly string[], cwd: string, signal: AbortSignal): ChildProcess {
  const command = ["--pdeathsig", "KILL", "--", "unshare", "--net", "--", QEMU, ...args];
  return spawn("setpriv", command, { cwd, stdio: ["ignore", "pipe", "pipe"], killSignal: "SIGKILL", signal });
}

/** @throws {Error} With its last words, where it ends instead. */
async function untilItWaits(qemu: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    let lastWords = "it said nothing";
    for (const input of [qemu.stdout, qemu.stderr]) {
      if (!input) continue;
      createInterface({ input }).on("line", (line) => {
        lastWords = line;
        if (line.includes(WAITS)) resolve();
      });
    }
    qemu.once("error", reject);
    qemu.once("close", () => reject(new Error(`it ended; its last words: ${lastWords}`)));
  });
}

async function writeMemory(monitor: string, signal: AbortSignal): Promise<void> {
  await askMonitor(monitor, [{ execute: "migrate", arguments: { uri: `exec:cat >${STATE}` } }]);
  for (;;) {
    const [answer] = await askMonitor(monitor, ["query-migrate"]);
    const { status } = migrationShape.parse(answer);
    if (status === "completed") return;
    if (status === "failed") throw new Error("its memory could not be written");
    await sleep(POLL_MS, signal);
  }
}
