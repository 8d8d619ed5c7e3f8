/**
 * Whether this machine runs guests on its processor. That it has /dev/kvm says little: within a cloud's own machines a
 * guest may be accepted and never come up. So one is booted, for at most a few seconds.
 */

import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { VM_DISK_FILE } from "#activities/image/vm-disk";
import type { VmDisk } from "#activities/image/vm-disk";
import { probeArguments, QEMU } from "#activities/providers/qemu-machine";
import type { Accelerator } from "#activities/providers/qemu-machine";
import { BenchError } from "#model/errors";

/** As the operator's hosts.yaml has it. */
export type WantedAccelerator = "auto" | Accelerator;

export interface AcceleratorChoice {
  readonly accelerator: Accelerator;
  /** Why it is this one, such as "no KVM: /dev/kvm is missing". */
  readonly why: string;
}

const DEVICE = "/dev/kvm";
/** A machine with KVM takes a second. */
const PROBE_LIMIT_MS = 10_000;
/** As vm-init.sh says it. */
const SIGN_OF_LIFE = "this machine boots";

/**
 * @param isUsable - Answers why KVM does not work here, or `undefined`.
 * @throws {BenchError} `engine unavailable` where the operator wants KVM, and it does not work.
 */
export async function chooseAccelerator(
  wanted: WantedAccelerator,
  host: string,
  whyNoKvm: () => Promise<string | undefined>,
): Promise<AcceleratorChoice> {
  if (wanted === "tcg") return { accelerator: "tcg", why: "hosts.yaml says so" };
  const obstacle = await whyNoKvm();
  if (obstacle === undefined) return { accelerator: "kvm", why: "a guest was booted with it" };
  if (wanted === "auto") return { accelerator: "tcg", why: `no KVM: ${obstacle}` };
  throw new BenchError("engine unavailable", `KVM does not work on this machine: ${obstacle}`, { host });
}

/** @returns `undefined` where it works. */
export async function probeKvm(
  disk: VmDisk,
  { device = DEVICE, limitMs = PROBE_LIMIT_MS }: { device?: string; limitMs?: number } = {},
): Promise<string | undefined> {
  try {
    await access(device, constants.R_OK | constants.W_OK);
  } catch (error) {
    return `${device}: ${(error as NodeJS.ErrnoException).code}`;
  }
  const machine = {
    name: "meshbench-probe",
    accelerator: "kvm",
    cpus: 1,
    memoryMib: 128,
    kernel: join(disk.dir, VM_DISK_FILE.kernel),
    initrd: join(disk.dir, VM_DISK_FILE.initrd),
  } as const;
  try {
    const { stdout } = await promisify(execFile)(QEMU, probeArguments(machine), {
      timeout: limitMs,
      killSignal: "SIGKILL",
    });
    return stdout.includes(SIGN_OF_LIFE) ? undefined : "a guest ended without having booted";
  } catch (error) {
    const { killed, stderr, message } = error as Error & { killed?: boolean; stderr?: string };
    if (killed) return `a guest did not boot within ${limitMs / 1000} s`;
    return stderr?.trim().split("\n").at(-1) || message;
  }
}
