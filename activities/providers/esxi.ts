/** Nodes as VMs of a standalone ESXi host or of a vCenter. */

import pLimit from "p-limit";
import type { LimitFunction } from "p-limit";
import type { EngineFence } from "#activities/fence/fence-mark";
import { awaitAddress, DEFAULT_ADDRESS_TIMING } from "#activities/providers/esxi-address";
import type { AddressTiming } from "#activities/providers/esxi-address";
import { requireRoom } from "#activities/providers/esxi-capacity";
import { EsxiConnection, isGovcError } from "#activities/providers/esxi-connection";
import { prepareEsxiEnvironment, requireWholeSizes } from "#activities/providers/esxi-environment";
import { ADDRESS_KEY, describeVm, uuidOf, vmsOfNode } from "#activities/providers/esxi-labels";
import { EsxiLease } from "#activities/providers/esxi-lease";
import { findPlace } from "#activities/providers/esxi-place";
import type { DiskKind, Place, PlaceNames } from "#activities/providers/esxi-place";
import { removeRun } from "#activities/providers/esxi-removal";
import { refuseUnnoticedSimulator } from "#activities/providers/esxi-simulator";
import { ensureTemplate, findTemplateDisk, readTemplate } from "#activities/providers/esxi-template";
import type { DiskSource, ReadyTemplate, Template } from "#activities/providers/esxi-template";
import { ensureVm, hostnameOf } from "#activities/providers/esxi-vm";
import { FoundOnce } from "#activities/found-once";
import type { LabelledResource, NodeProvider, NodeSpec, NodeState } from "#activities/providers/provider";
import type { GovcOptions, VmInfo } from "#govc-wrapper";
import { sleep } from "#activities/timing";
import { BenchError } from "#model/errors";
import { DATABASE_PORT } from "#model/node-protocol";
import type { NodeHandle, PreparedEnvironment, RunSpec } from "#model/run";
import type { Environment } from "#model/spec";

export interface EsxiProviderOptions {
  readonly hostId: string;
  readonly connect: GovcOptions;
  readonly place: PlaceNames;
  /** Default: `linked`. */
  readonly disks?: DiskKind | undefined;
  /** A VM that the operator made; absent: the image is imported once. */
  readonly template?: string | undefined;
  /** Where DNS knows VMs by their names; absent: only VMware Tools are asked. */
  readonly domain?: string | undefined;
  readonly source: DiskSource;
  readonly now?: () => Date;
  readonly addressTiming?: AddressTiming;
  /** Before a call that failed is repeated for the first time. */
  readonly retryPauseMs?: number;
}

/** A host does little more at a time, and others use it as well. */
const CONCURRENCY = 4;
const LOG_BYTES = 1024 * 1024;
/** As many as the provider will have begun to start while the first one boots; a govc process each. */
const NODES_AT_ONCE = 32;
/** A host counts what is free only every so often: what was just given back may not be in it yet. */
const ROOM_SETTLES_MS = 60_000;
const ROOM_POLL_MS = 5000;

/** What a run needs of a host, found once. */
interface Site {
  readonly place: Place;
  readonly isVcenter: boolean;
}

export class EsxiProvider implements NodeProvider {
  readonly name = "esxi";
  readonly fence: EngineFence;
  readonly nodesAtOnce = NODES_AT_ONCE;
  readonly #options: EsxiProviderOptions;
  readonly #connection: EsxiConnection;
  readonly #now: () => Date;
  readonly #slots: LimitFunction = pLimit(CONCURRENCY);
  /** One import at a time, whoever asks. */
  readonly #templateSlot: LimitFunction = pLimit(1);
  readonly #templates = new Map<string, ReadyTemplate>();
  /** Many may wait for it, so that none of them calls it off. */
  readonly #site = new FoundOnce(() => this.#lookForSite());
  #apiType: string | undefined;
  /** When a run's VMs were removed last, on the monotonic clock. */
  #freedAtMs = -Infinity;

  constructor(options: EsxiProviderOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => new Date());
    this.#connection = new EsxiConnection(options.hostId, options.connect, options.retryPauseMs);
    this.fence = new EsxiLease(this.#connection, async () => (await this.#site.get()).place.datastore, this.#now);
  }

  prepareEnvironment(environment: Environment): Promise<PreparedEnvironment> {
    const { source, place: names, template } = this.#options;
    return prepareEsxiEnvironment(this.#connection, environment, { source, names, template, disks: this.#disks });
  }

  async ensureRun(run: RunSpec, deadlineAt: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { cpus, memoryMib, resolve } = run.point;
    const host = this.#options.hostId;
    requireWholeSizes({ cpus, memoryMib, host });
    if (resolve === "names" && this.#options.domain === undefined) {
      const message = "resolve: names needs a domain that DNS knows the VMs in: esxi.domain in hosts.yaml";
      throw new BenchError("dns", message, { host });
    }
    await this.#requireRoom(run, signal);
    this.#templates.delete(run.environment.imageDigest); // it may have gone since the last run
    const { isSimulated } = await this.#templateOf(run, deadlineAt, signal);
    refuseUnnoticedSimulator(run, isSimulated);
  }

  async #requireRoom(run: RunSpec, signal: AbortSignal): Promise<void> {
    const { place } = await this.#site.get();
    for (;;) {
      try {
        return await requireRoom(this.#connection, run, place, signal);
      } catch (error) {
        const isFull = error instanceof BenchError && error.kind === "capacity";
        if (!isFull || performance.now() - this.#freedAtMs > ROOM_SETTLES_MS) throw error;
        await sleep(ROOM_POLL_MS, signal);
      }
    }
  }

  async ensureNode(run: RunSpec, node: NodeSpec, signal: AbortSignal): Promise<NodeHandle> {
    const template = await this.#templateOf(run, node.deadlineAt, signal);
    const here = { now: this.#now, slots: this.#slots, disks: this.#disks, ...(await this.#site.get()) };
    const wanted = { run, node, template, ...here };
    const { vm, startedMs } = await ensureVm(this.#connection, wanted, signal);
    const address = vm.extraConfig[ADDRESS_KEY] ?? (await this.#awaitAddress(vm, node.index, signal));
    const dnsName = this.#dnsNameOf(vm.name);
    return {
      index: node.index,
      id: uuidOf(vm),
      name: vm.name,
      address,
      port: DATABASE_PORT,
      ...(dnsName !== undefined && { hostname: dnsName }),
      ...(startedMs !== undefined && { bootSec: (performance.now() - startedMs) / 1000 }),
    };
  }

  async inspectNodes(_run: RunSpec, nodes: readonly NodeHandle[]): Promise<NodeState[]> {
    const vms = await this.#connection.converge(undefined, () => this.#connection.listVms());
    const byId = new Map(vms.map((vm) => [uuidOf(vm), vm]));
    return nodes.map(({ id }) => stateOf(byId.get(id)));
  }

  /** What the host wrote down about the VM: nobody but a console sees what is printed in it. */
  async readLogs(runId: string, nodeIndex: number): Promise<string> {
    return this.#connection.converge(undefined, async (govc) => {
      const [vm] = vmsOfNode(await this.#connection.listVms(), { runId, host: this.#options.hostId }, nodeIndex);
      const folder = vm?.vmxPath?.replace(/\/[^/]*$/, "");
      const location = folder && (await this.#connection.locate(`${folder}/vmware.log`));
      if (!location) {
        throw new BenchError("node lost", "its VM is gone", { node: nodeIndex, host: this.#options.hostId });
      }
      try {
        return await govc.datastore.tail(location, { maxBytes: LOG_BYTES });
      } catch (error) {
        if (isGovcError(error, "not found")) return ""; // it was never switched on
        throw error;
      }
    });
  }

  async destroyRun(runId: string): Promise<number> {
    const isVcenter = await this.#isVcenter();
    const removed = await removeRun(this.#connection, { runId, slots: this.#slots, isVcenter });
    if (removed > 0) this.#freedAtMs = performance.now();
    return removed;
  }

  async listLabelled(): Promise<LabelledResource[]> {
    const vms = await this.#connection.converge(undefined, () => this.#connection.listVms());
    return vms.map(describeVm).filter((resource) => resource !== undefined);
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #templateOf(
    { environment: { imageDigest } }: RunSpec,
    deadlineAt: string,
    signal: AbortSignal,
  ): Promise<ReadyTemplate> {
    return this.#templateSlot(async () => {
      const known = this.#templates.get(imageDigest);
      if (known) return known;
      const template = await this.#ensureTemplate(imageDigest, deadlineAt, signal);
      const { isVcenter, place } = await this.#site.get();
      const disk = !isVcenter && { diskPath: await findTemplateDisk(this.#connection, template, place) };
      const ready = { ...template, ...disk };
      this.#templates.set(imageDigest, ready);
      return ready;
    });
  }

  async #lookForSite(): Promise<Site> {
    const { place: names, hostId } = this.#options;
    const place = await this.#connection.converge(undefined, (govc) => findPlace(govc, names, hostId));
    return { place, isVcenter: await this.#isVcenter() };
  }

  get #disks(): DiskKind {
    return this.#options.disks ?? "linked";
  }

  /** A host never becomes one. */
  async #isVcenter(): Promise<boolean> {
    this.#apiType ??= (await this.#connection.converge(undefined, (govc) => govc.about())).apiType;
    return this.#apiType === "VirtualCenter";
  }

  async #ensureTemplate(imageDigest: string, deadlineAt: string, signal: AbortSignal): Promise<Template> {
    const { template: name, source, hostId: host } = this.#options;
    const { place, isVcenter } = await this.#site.get();
    const needsSnapshot = isVcenter && this.#disks === "linked";
    if (name === undefined) {
      const wanted = { imageDigest, place, isVcenter, needsSnapshot, source, deadlineAt, now: this.#now };
      return ensureTemplate(this.#connection, wanted, signal);
    }
    const vms = await this.#connection.converge(signal, () => this.#connection.listVms());
    const template = readTemplate(vms, name, { needsSnapshot, host });
    if (template?.imageDigest === imageDigest) return template;
    const problem = template === undefined ? "is no longer there" : `is another one now: ${template.imageDigest}`;
    throw new BenchError("image", `template ${JSON.stringify(name)} ${problem}`, { host });
  }

  /** And writes it down, so that this VM is never started again. */
  async #awaitAddress(vm: VmInfo, nodeIndex: number, signal: AbortSignal): Promise<string> {
    const { addressTiming = DEFAULT_ADDRESS_TIMING } = this.#options;
    const awaited = { vm, nodeIndex, dnsName: this.#dnsNameOf(vm.name) };
    const address = await awaitAddress(this.#connection, awaited, addressTiming, signal);
    await this.#connection.converge(signal, (govc) =>
      this.#connection.make(signal, () => govc.vm.change(vm.ref, { extraConfig: { [ADDRESS_KEY]: address } })),
    );
    return address;
  }

  #dnsNameOf(vmName: string): string | undefined {
    const { domain } = this.#options;
    return domain === undefined ? undefined : `${hostnameOf(vmName)}.${domain}`;
  }
}

/** How a VM ended, hosts do not tell. */
function stateOf(vm: VmInfo | undefined): NodeState {
  if (!vm) return { state: "missing" };
  switch (vm.powerState) {
    case "poweredOn":
      return { state: "running" };
    case "suspended":
      return { state: "paused" };
    case "poweredOff":
      return { state: "exited", exitCode: null, outOfMemory: false };
  }
}
