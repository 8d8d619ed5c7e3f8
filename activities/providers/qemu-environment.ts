/** What a QEMU environment turned out to be: the disk, the kernel, and what runs the guests' instructions. */

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { availableParallelism, release, totalmem } from "node:os";
import type { IMAGE_LABEL } from "#activities/image/node-image";
import { findVmDisk } from "#activities/image/vm-disk";
import type { VmDisk } from "#activities/image/vm-disk";
import { readNeighbourLimit } from "#activities/neighbour-table";
import { runHostCommand } from "#activities/providers/host-command";
import { factsByName, neighbourFacts, processorFacts, readProcessor } from "#activities/providers/machine-facts";
import { chooseAccelerator, probeKvm } from "#activities/providers/qemu-accelerator";
import type { AcceleratorChoice, WantedAccelerator } from "#activities/providers/qemu-accelerator";
import { bootKernelOf } from "#activities/providers/qemu-kernel";
import type { BootKernel } from "#activities/providers/qemu-kernel";
import { guestCpuOf, kernelOptions, QEMU } from "#activities/providers/qemu-machine";
import { BenchError } from "#model/errors";
import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { PreparedEnvironment } from "#model/run";
import type { Environment } from "#model/spec";

const VHOST = "/dev/vhost-net";

export interface DiskSource {
  /** The installation's, where disks are kept. */
  readonly cache: string;
  /** Id of this checkout's disk, for environments that name none. */
  readonly diskId: () => Promise<string>;
}

export interface QemuHost extends DiskSource {
  readonly accelerator: WantedAccelerator;
  /** Why KVM does not work here; `undefined` where it does. */
  readonly whyNoKvm?: (disk: VmDisk) => Promise<string | undefined>;
}

/** @throws {BenchError} `engine unavailable` (no root, no QEMU, no KVM where it is wanted), `image`, `protocol`. */
export async function prepareQemuEnvironment(
  { accelerator: wanted, whyNoKvm = probeKvm, ...source }: QemuHost,
  environment: Environment,
): Promise<PreparedEnvironment> {
  requireRoot(environment);
  const version = await readQemuVersion();
  const disk = await requireDisk(source, environment.image ?? (await source.diskId()), environment);
  requireProtocol(disk, environment);
  const kernel = await bootKernelOf(environment, disk);
  const choice = await chooseAccelerator(wanted, environment.host, () => whyNoKvm(disk));
  return {
    ...environment,
    imageDigest: disk.id,
    isolation: choice.accelerator,
    facts: factsByName({
      architecture: "amd64",
      engine: `qemu ${version}`,
      engine_cpus: String(availableParallelism()),
      engine_memory_mib: String(Math.floor(totalmem() / 1024 / 1024)),
      host_kernel: release(),
      network: "bridge in a namespace of its own, virtio-net",
      storage: "qcow2 overlay, virtio-blk",
      ...(await guestFacts(choice, kernel)),
      ...imageFacts(disk),
      ...processorFacts(await readProcessor()),
      ...neighbourFacts(await readNeighbourLimit()),
    }),
  };
}

function requireRoot({ host }: Environment): void {
  if (process.platform === "linux" && process.geteuid?.() === 0) return;
  const message = "VMs need root on Linux, for a bridge and taps: run the worker as root";
  throw new BenchError("engine unavailable", message, { host });
}

/** Such as `7.2.22`. */
async function readQemuVersion(): Promise<string> {
  const text = await runHostCommand(QEMU, ["--version"]);
  return /version (\S+)/.exec(text)?.[1] ?? "unknown";
}

/** @throws {BenchError} `image` where it is not on this machine. */
export async function requireDisk(
  { cache }: Pick<DiskSource, "cache">,
  reference: string,
  { image, host }: Pick<Environment, "image" | "host">,
): Promise<VmDisk> {
  const id = reference.startsWith("sha256:") ? reference : `sha256:${reference}`;
  const disk = await findVmDisk(cache, "qemu", id);
  if (disk) return disk;
  const mend = image === undefined ? "; build it with: meshbench image build --for qemu" : "";
  throw new BenchError("image", `VM disk ${reference} is missing on host ${host}${mend}`, { host });
}

function requireProtocol({ id, protocol }: VmDisk, { host }: Environment): void {
  if (protocol === String(PROTOCOL_VERSION)) return;
  const message = `VM disk ${id} speaks protocol ${protocol}, this version ${PROTOCOL_VERSION}`;
  throw new BenchError("protocol", message, { host });
}

async function guestFacts(
  { accelerator, why }: AcceleratorChoice,
  kernel: BootKernel,
): Promise<Record<string, string>> {
  return {
    accelerator: `${accelerator} (${why})`,
    guest_cpu: guestCpuOf(accelerator),
    kernel: kernel.release,
    kernel_options: kernelOptions(accelerator),
    vhost: String(await hasVhost(accelerator)),
  };
}

/** Whether the host's kernel passes on the guests' packets, instead of QEMU. */
export async function hasVhost(accelerator: AcceleratorChoice["accelerator"]): Promise<boolean> {
  if (accelerator !== "kvm") return false;
  return access(VHOST, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** As a container image of the same inputs has them. */
function imageFacts({ id, content, protocol, database, node }: VmDisk): Record<string, string> {
  const byLabel = { inputs: id.slice("sha256:".length), protocol, database, node } satisfies Record<
    keyof typeof IMAGE_LABEL,
    string
  >;
  const facts = Object.entries(byLabel).map(([name, value]) => [`image_${name}`, value]);
  return { image: id, image_content: content, ...Object.fromEntries(facts) };
}
