/** A simulated ESXi host or vCenter, whose VMs of runs are containers of the node image with addresses of their own. */

import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { NODE_CAPABILITIES } from "#activities/image/node-image";
import { freeSubnets, poolRoutes } from "#activities/providers/address-pool";
import { readHostRoutes } from "#activities/providers/host-routes";
import { formatSubnet } from "#activities/providers/ipv4";
import type { GovcOptions } from "#govc-wrapper";
import { Govc } from "#govc-wrapper";
import { Steps } from "#infra/console/steps";
import { ensureGovmomiTools } from "#infra/govmomi/tools";
import { docker } from "#test/support/docker-harness";
import { requireNodeImage } from "#test/support/node-image";
import { locateInstallation } from "#worker/installation";

export type VcsimMode = "esx" | "vcenter";

export interface VcsimOptions {
  readonly mode: VcsimMode;
  /** `METHOD=FAULT[:COUNT[:SKIP]]` */
  readonly faults?: readonly string[];
  /** `METHOD:MS` */
  readonly methodDelays?: readonly string[];
  /** Without containers no VM ever gets an address. Default: true. */
  readonly hasContainers?: boolean;
  /** The containers have an address and nothing in them: they start in a tenth of the time. Default: false. */
  readonly areIdle?: boolean;
  /** For another start at the same address, whose certificate is another one. Default: any free port. */
  readonly port?: number;
}

const LABEL = "meshbench.vcsim";
/** As VMs of nodes are called: `SWEEP-p1-r1-a1-n1`. */
const NODE_VMS = "*-p*-r*-a*-n*";
/** What a simulated host calls what it has. */
const NAMES = {
  esx: { datastore: "LocalDS_0", network: "VM Network" },
  vcenter: { datastore: "LocalDS_0", network: "DC0_DVPG0" },
} as const;
const START_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 20_000;

export class Vcsim implements AsyncDisposable {
  readonly mode: VcsimMode;
  readonly username = "meshbench";
  readonly password: string;
  readonly url: string;
  /** Of its certificate, a new one at each start. */
  readonly thumbprint: string;
  readonly govc: string;
  readonly #process: ChildProcess;
  readonly #engine: EngineSide | undefined;

  private constructor(
    mode: VcsimMode,
    parts: { url: string; thumbprint: string; password: string; govc: string; process: ChildProcess },
    engine: EngineSide | undefined,
  ) {
    this.mode = mode;
    this.url = parts.url;
    this.thumbprint = parts.thumbprint;
    this.password = parts.password;
    this.govc = parts.govc;
    this.#process = parts.process;
    this.#engine = engine;
  }

  static async start({
    mode,
    faults = [],
    methodDelays = [],
    hasContainers = true,
    areIdle = false,
    port = 0,
  }: VcsimOptions) {
    const { govc, vcsim } = await ensureGovmomiTools(locateInstallation(), new Steps());
    const engine = hasContainers ? await EngineSide.prepare(areIdle) : undefined;
    const password = randomBytes(12).toString("hex");
    const args = [
      ...(mode === "esx" ? ["-esx"] : []),
      "-l",
      `127.0.0.1:${port}`,
      "-username",
      "meshbench",
      "-attached",
      ...faults.flatMap((fault) => ["-fault", fault]),
      ...methodDelays.flatMap((delay) => ["-method-delay", delay]),
      ...(engine ? ["-back", `${NODE_VMS}=${JSON.stringify(engine.containerArguments)}`] : []),
    ];
    const env = { ...process.env, VCSIM_PASSWORD: password, VCSIM_INSPECT_INTERVAL: "60s" };
    const child = spawn(vcsim, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    try {
      return new Vcsim(mode, { ...(await announcementOf(child)), password, govc, process: child }, engine);
    } catch (error) {
      child.kill("SIGKILL");
      await engine?.remove();
      throw error;
    }
  }

  get datastore(): string {
    return NAMES[this.mode].datastore;
  }

  get network(): string {
    return NAMES[this.mode].network;
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error("vcsim does not run");
    return this.#process.pid;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  get govcOptions(): GovcOptions {
    const { url, username, password, thumbprint, govc } = this;
    return { url, username, password, tls: { thumbprint }, govc };
  }

  openGovc(): Promise<Govc> {
    return Govc.open(this.govcOptions);
  }

  /** As an operator would make one by hand. */
  async makeTemplate(name: string, ova: string): Promise<void> {
    await using govc = await this.openGovc();
    const datastore = (await govc.datastore.list())[0]!.ref;
    const pool = (await govc.inventory.pools())[0]!.ref;
    const network = (await govc.inventory.networks()).find((one) => one.name === this.network)!.ref;
    await govc.import.ova({ name, file: ova, datastore, pool, networks: { nodes: network } });
    const template = await govc.vm.find(name);
    if (this.mode === "vcenter") await govc.snapshot.create(template!.ref, "ready");
  }

  /** The `esxi` block of a host in hosts.yaml. @param passwordFile - Written here. */
  async writeSettings(passwordFile: string): Promise<object> {
    const { url, username, thumbprint, datastore, network } = this;
    await writeFile(passwordFile, `${this.password}\n`, { mode: 0o600 });
    return { url, username, password_file: passwordFile, thumbprint, datastore, network };
  }

  /** Containers that VMs are made of, in whatever state. */
  async containerIds(): Promise<string[]> {
    return (await this.#engine?.containerIds()) ?? [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = new Promise((resolve) => this.#process.once("exit", resolve));
      this.#process.kill("SIGTERM");
      this.#process.kill("SIGCONT");
      const timer = setTimeout(() => this.#process.kill("SIGKILL"), STOP_LIMIT_MS);
      await ended;
      clearTimeout(timer);
    }
    await this.#engine?.remove();
  }
}

/** What its containers need of the Docker engine, and how all of it is found again. */
class EngineSide {
  readonly containerArguments: readonly string[];
  readonly #id: string;
  readonly #networkId: string;

  private constructor(id: string, networkId: string, containerArguments: readonly string[]) {
    this.#id = id;
    this.#networkId = networkId;
    this.containerArguments = containerArguments;
  }

  static async prepare(areIdle: boolean): Promise<EngineSide> {
    const id = randomBytes(4).toString("hex");
    const { tag } = await requireNodeImage();
    const networkId = await createNetwork(id);
    const where = { label: [`${LABEL}=${id}`], network: [networkId] };
    return new EngineSide(id, networkId, areIdle ? idleContainer(where, tag) : nodeContainer(where, tag));
  }

  async containerIds(): Promise<string[]> {
    const filters = { label: [`${LABEL}=${this.#id}`] };
    return (await docker.listContainers({ all: true, filters })).map(({ Id }) => Id);
  }

  async remove(): Promise<void> {
    for (const id of await this.containerIds()) await docker.getContainer(id).remove({ force: true, v: true });
    await docker.getNetwork(this.#networkId).remove();
  }
}

/** Where another network has the block, the next one is tried. */
async function createNetwork(id: string): Promise<string> {
  const Name = `meshbench-vcsim-${id}`;
  for (const subnet of freeSubnets(Name, 24, poolRoutes(await readHostRoutes()))) {
    try {
      const IPAM = { Driver: "default", Config: [{ Subnet: formatSubnet(subnet) }] };
      return (await docker.createNetwork({ Name, Internal: true, IPAM, Labels: { [LABEL]: id } })).id;
    } catch (error) {
      if (!/overlap/i.test(String(error))) throw error;
    }
  }
  throw new Error("no block of addresses is free");
}

type ContainerOptions = Readonly<Record<string, readonly string[]>>;

/** A node as the Docker provider makes it, told by guestinfo what it is. vcsim limits nothing itself. */
function nodeContainer(where: ContainerOptions, imageTag: string): string[] {
  const options = {
    ...where,
    cpus: ["1"],
    memory: ["512m"],
    "memory-swap": ["512m"],
    "pids-limit": ["512"],
    ulimit: ["nofile=16384:16384"],
    "cap-drop": ["ALL"],
    "cap-add": NODE_CAPABILITIES,
    "security-opt": ["no-new-privileges:true"],
    "read-only": ["true"],
    "stop-timeout": ["2"],
    tmpfs: ["/ram:size=300m", "/run:size=16m,mode=0755", "/tmp:size=64m,mode=1777"],
    entrypoint: ["/usr/local/lib/meshbench/vm-config.sh"],
  };
  return [...toFlags(options), imageTag, "start"];
}

function idleContainer(where: ContainerOptions, imageTag: string): string[] {
  const options = { ...where, "stop-signal": ["KILL"], entrypoint: ["sleep"] };
  return [...toFlags(options), imageTag, "infinity"];
}

/** As for `docker create`. */
const toFlags = (options: ContainerOptions): string[] =>
  Object.entries(options).flatMap(([name, values]) => values.map((value) => `--${name}=${value}`));

async function announcementOf(child: ChildProcess): Promise<{ url: string; thumbprint: string }> {
  const said: string[] = [];
  const limit = AbortSignal.timeout(START_LIMIT_MS);
  child.stderr?.on("data", (chunk: Buffer) => said.push(chunk.toString()));
  const line = await new Promise<string>((resolve, reject) => {
    const giveUp = () => reject(new Error(`vcsim did not start: ${said.join("")}`));
    child.once("error", reject);
    child.once("exit", giveUp);
    limit.addEventListener("abort", giveUp, { once: true });
    createInterface({ input: child.stdout! }).once("line", resolve);
  });
  return JSON.parse(line) as { url: string; thumbprint: string };
}

/** An appliance that imports and never runs: the simulated VMs need none of it. */
export async function writeTinyOva(path: string): Promise<void> {
  const archive = pack();
  archive.entry({ name: "tiny.ovf" }, TINY_OVF);
  archive.entry({ name: "tiny.vmdk" }, "not a disk");
  archive.finalize();
  await writeFile(path, await buffer(archive));
}

const TINY_OVF = `<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
  xmlns:vssd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData">
  <References><File ovf:href="tiny.vmdk" ovf:id="file1"/></References>
  <DiskSection><Info>disks</Info>
    <Disk ovf:capacity="1" ovf:capacityAllocationUnits="byte * 2^20" ovf:diskId="vmdisk1" ovf:fileRef="file1"
      ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/>
  </DiskSection>
  <NetworkSection><Info>networks</Info><Network ovf:name="nodes"><Description>nodes</Description></Network></NetworkSection>
  <VirtualSystem ovf:id="tiny"><Info>a VM</Info><Name>tiny</Name>
    <OperatingSystemSection ovf:id="96"><Info>guest</Info></OperatingSystemSection>
    <VirtualHardwareSection><Info>hardware</Info>
      <System><vssd:ElementName>hardware</vssd:ElementName><vssd:InstanceID>0</vssd:InstanceID>
        <vssd:VirtualSystemType>vmx-13</vssd:VirtualSystemType></System>
      <Item><rasd:ElementName>1 CPU</rasd:ElementName><rasd:InstanceID>1</rasd:InstanceID>
        <rasd:ResourceType>3</rasd:ResourceType><rasd:VirtualQuantity>1</rasd:VirtualQuantity></Item>
      <Item><rasd:AllocationUnits>byte * 2^20</rasd:AllocationUnits><rasd:ElementName>256 MiB</rasd:ElementName>
        <rasd:InstanceID>2</rasd:InstanceID><rasd:ResourceType>4</rasd:ResourceType>
        <rasd:VirtualQuantity>256</rasd:VirtualQuantity></Item>
      <Item><rasd:Address>0</rasd:Address><rasd:ElementName>SCSI</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID>
        <rasd:ResourceSubType>VirtualSCSI</rasd:ResourceSubType><rasd:ResourceType>6</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:ElementName>disk</rasd:ElementName>
        <rasd:HostResource>ovf:/disk/vmdisk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID>
        <rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:AutomaticAllocation>true</rasd:AutomaticAllocation><rasd:Connection>nodes</rasd:Connection>
        <rasd:ElementName>network</rasd:ElementName><rasd:InstanceID>5</rasd:InstanceID>
        <rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType><rasd:ResourceType>10</rasd:ResourceType></Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
`;
