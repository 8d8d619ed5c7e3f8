/**
 * Virtual machines on this machine itself: one QEMU process each, on KVM where that works, else emulated.
 *
 * A VM is a folder (see `NodeFolders`) with its copy-on-write disk, a tap at the run's bridge (see `HostNetworks`), control
 * groups, and a keeper (node-keeper.sh), which starts it, outlives the worker, and says how it ended.
 */

import { randomUUID } from "node:crypto";
import { link, readFile, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { BareMachine } from "#activities/fence/bare-machine";
import { formatVmConfig } from "#activities/image/vm-config";
import type { VmDisk } from "#activities/image/vm-disk";
import { isStopped } from "#activities/process-identity";
import type { ProcessIdentity } from "#activities/process-identity";
import { gatewayAddress, nodeAddress } from "#activities/providers/address-pool";
import { HostNetworks, namespacePath, networkNamespace } from "#activities/providers/host-network";
import type { HostNetwork } from "#activities/providers/host-network";
import { KeptNodes } from "#activities/providers/kept-nodes";
import { nameResolutionOf } from "#activities/providers/node-hosts";
import { awaitExitCode, becomingNode, findLivingNode, startKeeper } from "#activities/providers/node-keeper";
import { deadlineVariable, stableVariables } from "#activities/providers/node-variables";
import { NodeCgroups } from "#activities/providers/node-cgroups";
import { readIdentity, readLog } from "#activities/providers/node-folders";
import type { NodeFolder } from "#activities/providers/node-folders";
import type { LabelledResource, NodeProvider, NodeSpec, NodeState } from "#activities/providers/provider";
import { requireRoom } from "#activities/providers/qemu-capacity";
import { hasVhost, prepareQemuEnvironment, requireDisk } from "#activities/providers/qemu-environment";
import type { QemuHost } from "#activities/providers/qemu-environment";
import { bootKernelOf } from "#activities/providers/qemu-kernel";
import { createOverlay, freezeMachine, frozenStateOf, isFrozen } from "#activities/providers/qemu-frozen";
import { macOf, MACHINERY, nodeArguments, QEMU, STATE_FD, VM_FILE } from "#activities/providers/qemu-machine";
import type { Accelerator, Machine } from "#activities/providers/qemu-machine";
import { askMachineStatus } from "#activities/providers/qemu-monitor";
import { nodeHostname } from "#model/ids";
import { VM_ENV } from "#model/node-protocol";
import type { NodeHandle, PreparedEnvironment, RunSpec } from "#model/run";
import type { Environment } from "#model/spec";

const VMS_DIR = "/run/meshbench-vms";
const CONCURRENCY = Math.max(4, availableParallelism());

export interface QemuProviderOptions extends QemuHost {
  readonly hostId: string;
  readonly now?: () => Date;
  /** Where VMs are kept; the same for all installations on the machine. */
  readonly vmsDir?: string;
  readonly networks?: HostNetworks;
}

export class QemuProvider implements NodeProvider {
  readonly name = "qemu";
  readonly fence = new BareMachine("qemu");
  readonly nodesAtOnce = CONCURRENCY;
  readonly #host: QemuHost;
  readonly #now: () => Date;
  readonly #networks: HostNetworks;
  readonly #nodes: KeptNodes;

  constructor({ hostId, now = () => new Date(), vmsDir = VMS_DIR, networks, ...host }: QemuProviderOptions) {
    this.#host = host;
    this.#now = now;
    this.#networks = networks ?? new HostNetworks();
    const kept = { hostId, kind: "vm", dir: vmsDir, networks: this.#networks } as const;
    this.#nodes = new KeptNodes({ ...kept, concurrency: CONCURRENCY });
  }

  prepareEnvironment(environment: Environment): Promise<PreparedEnvironment> {
    return prepareQemuEnvironment(this.#host, environment);
  }

  async ensureRun(run: RunSpec, deadlineAt: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    // Machines that run already have their share.
    if (!(await this.#nodes.hasNetwork(run.runId))) await this.#prepareMachines(run, signal);
    await this.#nodes.ensureNetwork(run, deadlineAt, signal);
  }

  async #prepareMachines(run: RunSpec, signal: AbortSignal): Promise<void> {
    const accelerator = acceleratorOf(run);
    await requireRoom(run, accelerator);
    // As many as there are processors boot side by side.
    if (accelerator === "kvm" || run.point.nodes <= availableParallelism()) return;
    const disk = await requireDisk(this.#host, run.environment.imageDigest, run.environment);
    const machine = await machineOf(run, disk);
    const state = frozenStateOf(disk, machine, qemuVersionOf(run));
    if (!(await isFrozen(state))) await freezeMachine(disk, machine, state, signal);
  }

  ensureNode(run: RunSpec, node: NodeSpec, signal: AbortSignal): Promise<NodeHandle> {
    return this.#nodes.ensureNode(run, node, (network) => this.#start(run, node, network, signal));
  }

  inspectNodes(_: RunSpec, nodes: readonly NodeHandle[]): Promise<NodeState[]> {
    return this.#nodes.inspect(nodes, stateOf);
  }

  readLogs(runId: string, nodeIndex: number): Promise<string> {
    return this.#nodes.readLog(runId, nodeIndex);
  }

  destroyRun(runId: string): Promise<number> {
    return this.#nodes.destroyRun(runId);
  }

  listLabelled(): Promise<LabelledResource[]> {
    return this.#nodes.listLabelled();
  }

  async #start(run: RunSpec, node: NodeSpec, network: HostNetwork, signal: AbortSignal): Promise<void> {
    const disk = await requireDisk(this.#host, run.environment.imageDigest, run.environment);
    signal.throwIfAborted();
    const config = configOf(run, node, { network, now: this.#now() });
    const folder = await this.#nodes.ensureFolder(run, node, { [VM_FILE.config]: config });
    if (await readIdentity(folder, "init")) return;
    await ensureOverlay(folder, disk);
    const cgroups = await NodeCgroups.open();
    const { cpus, memoryMib } = run.point;
    await cgroups.ensure(folder.name, { cpus: cpus + MACHINERY.cpus, memoryMib: memoryMib + MACHINERY.memoryMib });
    const tap = await this.#networks.connectTap(network, node.index);
    const like = await machineOf(run, disk);
    const wire = { tap, mac: macOf(node.index), isVhost: await hasVhost(like.accelerator) };
    const machine = await commandOf({ ...like, name: folder.name, network: wire }, { disk, run });
    const command = [...becomingNode(folder), ...machine];
    signal.throwIfAborted();
    // No more than it needs to find its programs.
    const env = { PATH: process.env["PATH"] };
    await startKeeper({ folder, node: node.index, env, cgroups, command }, hasMonitor);
  }
}

/** As it was when the sweep was planned: rows of one sweep never mix the two. */
function acceleratorOf({ environment: { isolation, name } }: RunSpec): Accelerator {
  if (isolation === "kvm" || isolation === "tcg") return isolation;
  throw new RangeError(`environment ${name} has isolation ${isolation}, which is none of QEMU's`);
}

/** As all machines of the run are. */
async function machineOf(run: RunSpec, disk: VmDisk): Promise<Machine> {
  const { kernel, initrd } = await bootKernelOf(run.environment, disk);
  const { cpus, memoryMib } = run.point;
  return { name: run.runId, accelerator: acceleratorOf(run), cpus, memoryMib, kernel, initrd };
}

/** As it was when the sweep was planned. */
const qemuVersionOf = ({ environment }: RunSpec): string => environment.facts["engine"] ?? "";

/** QEMU in the run's network, from a frozen machine where there is one. */
async function commandOf(machine: Machine, { disk, run }: { disk: VmDisk; run: RunSpec }): Promise<string[]> {
  const enter = ["nsenter", `--net=${namespacePath(networkNamespace(run.runId))}`, "--"];
  const state = frozenStateOf(disk, machine, qemuVersionOf(run));
  const canResume = machine.accelerator === "tcg" && (await isFrozen(state));
  if (!canResume) return [...enter, QEMU, ...nodeArguments(machine)];
  const withState = ["sh", "-c", `state=$1; shift; exec "$@" ${STATE_FD}<"$state"`, "sh", state];
  return [...enter, ...withState, QEMU, ...nodeArguments(machine, "resume")];
}

function configOf(run: RunSpec, node: NodeSpec, { network, now }: { network: HostNetwork; now: Date }): string {
  const { environment } = run;
  const { hosts, resolvers, resolversFirst } = nameResolutionOf(run, node.index, network);
  return formatVmConfig({
    ...stableVariables(run, node),
    ...deadlineVariable(node, now),
    [VM_ENV.hostname]: nodeHostname(node.index),
    [VM_ENV.ramDiskMib]: environment.ramDiskMib ?? node.sizing.ramDiskMib,
    [VM_ENV.mac]: macOf(node.index),
    [VM_ENV.address]: `${nodeAddress(network, node.index)}/${network.subnet.prefix}`,
    [VM_ENV.gateway]: network.isOpen ? gatewayAddress(network) : undefined,
    [VM_ENV.hosts]: hosts.map(({ address, name }) => `${address}=${name}`).join(","),
    [VM_ENV.dns]: resolvers.length > 0 ? resolvers.join(",") : undefined,
    [VM_ENV.dnsFirst]: resolversFirst ? 1 : undefined,
  });
}

/** Once only: another worker's QEMU may have it open by now. */
async function ensureOverlay({ path }: NodeFolder, disk: VmDisk): Promise<void> {
  const overlay = join(path, VM_FILE.overlay);
  const made = `${overlay}.${randomUUID()}`;
  await createOverlay(disk, made);
  await link(made, overlay).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  await rm(made, { force: true });
}

/** QEMU runs in its folder. The way through /proc is short enough for a socket's name, and ends with the process. */
const monitorOf = ({ pid }: ProcessIdentity): string => `/proc/${pid}/cwd/${VM_FILE.monitor}`;

/** QEMU makes it when it has all that it was told to use. */
async function hasMonitor(init: ProcessIdentity): Promise<boolean> {
  return (await askMachineStatus(monitorOf(init))) !== undefined;
}

async function stateOf(folder: NodeFolder): Promise<NodeState> {
  const living = await findLivingNode(folder);
  if (!living) return endOf(folder);
  if (!living.init) return { state: "running" };
  if (isStopped(living.init)) return { state: "paused" };
  const status = await askMachineStatus(monitorOf(living.init));
  switch (status) {
    case "paused":
    case "suspended":
      return { state: "paused" };
    case "guest-panicked":
    case "internal-error":
    case "io-error":
    case "shutdown":
      return { state: "exited", exitCode: null, outOfMemory: false };
    case "running":
    case undefined:
    default:
      // Who does not answer in time is busy.
      return { state: "running" };
  }
}

/** QEMU itself ends well when its guest powers off: how the node ended is what its PID 1 said. */
async function endOf(folder: NodeFolder): Promise<NodeState> {
  const qemuExit = await awaitExitCode(folder);
  const said = qemuExit === 0 ? await readGuestExit(folder) : qemuExit;
  const outOfMemory = /Out of memory: Killed process/.test(await readLog(folder));
  return { state: "exited", exitCode: said, outOfMemory };
}

/** @returns `null` where the guest panicked, or was cut off. */
async function readGuestExit({ path }: NodeFolder): Promise<number | null> {
  const text = await readFile(join(path, VM_FILE.guestExit), "utf8").catch(() => "");
  return /^\d+\s*$/.test(text) ? Number(text) : null;
}
