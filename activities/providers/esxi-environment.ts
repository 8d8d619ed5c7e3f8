/** What an ESXi environment turned out to be: whether it may be used at all, its image, and the facts of the host. */

import { isGovcError } from "#activities/providers/esxi-connection";
import type { EsxiConnection } from "#activities/providers/esxi-connection";
import { IMAGE_KEY } from "#activities/providers/esxi-labels";
import { findPlace } from "#activities/providers/esxi-place";
import type { DiskKind, Place, PlaceNames } from "#activities/providers/esxi-place";
import { looksSimulated } from "#activities/providers/esxi-simulator";
import { readTemplate, templateNameOf } from "#activities/providers/esxi-template";
import type { DiskSource, Template } from "#activities/providers/esxi-template";
import type { About, Govc, HostInfo, License, VmInfo } from "#govc-wrapper";
import { BenchError } from "#model/errors";
import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { PreparedEnvironment } from "#model/run";
import type { Environment } from "#model/spec";

/** Of the licence that comes with a free ESXi: its API is for looking only. */
const FREE_EDITION = /^esx\.?basic/i;

interface Surroundings {
  readonly source: DiskSource;
  readonly names: PlaceNames;
  readonly disks: DiskKind;
  /** Of a VM that the operator made. */
  readonly template: string | undefined;
}

/** @throws {BenchError} `licence read-only`, `image`, `protocol`, `esxi refused`, `login refused`, `esxi unavailable` … */
export async function prepareEsxiEnvironment(
  connection: EsxiConnection,
  environment: Environment,
  { source, names, disks, template: templateName }: Surroundings,
): Promise<PreparedEnvironment> {
  requireWholeSizes(environment);
  return connection.converge(undefined, async (govc) => {
    const about = await govc.about();
    await requireLicence(govc, connection.hostId);
    const [hosts, vms, place] = await Promise.all([
      govc.inventory.hosts(),
      connection.listVms(),
      findPlace(govc, names, connection.hostId),
    ]);
    const isVcenter = about.apiType === "VirtualCenter";
    const where = { needsSnapshot: isVcenter && disks === "linked", host: connection.hostId };
    const image =
      templateName === undefined
        ? await findImage(vms, environment, source, where)
        : requireTemplate(vms, templateName, environment, where);
    if (image.template) await probeWriting(govc, vms, image.template);
    return {
      ...environment,
      imageDigest: image.digest,
      isolation: looksSimulated({ about, hosts, vms }) ? "simulated" : "esxi",
      facts: sortByName({
        ...hostFacts(about, hosts),
        ...placeFacts(place, disksInWords(isVcenter, disks)),
        ...image.facts,
      }),
    };
  });
}

/** @throws {BenchError} `esxi refused` */
export function requireWholeSizes({ cpus, memoryMib, host }: Pick<Environment, "cpus" | "memoryMib" | "host">): void {
  if (!Number.isInteger(cpus)) throw new BenchError("esxi refused", `cpus: ${cpus}: a VM has whole ones`, { host });
  if (memoryMib % 4 === 0) return;
  throw new BenchError("esxi refused", `memory: ${memoryMib} MiB: a VM's is a multiple of 4 MiB`, { host });
}

async function requireLicence(govc: Govc, host: string): Promise<void> {
  const licences = await readLicences(govc);
  const free = licences.find(({ edition }) => FREE_EDITION.test(edition));
  if (free && licences.length === 1) {
    throw new BenchError("licence read-only", `its licence is ${free.name} (${free.edition})`, { host });
  }
}

/** Not every account may look at them; the first change then says what they would. */
async function readLicences(govc: Govc): Promise<License[]> {
  try {
    return await govc.licenses();
  } catch (error) {
    if (isGovcError(error, "no permission")) return [];
    throw error;
  }
}

/** Changes nothing: a licence or an account that lets us only look is heard of before a run begins. */
async function probeWriting(govc: Govc, vms: readonly VmInfo[], { ref }: Template): Promise<void> {
  const mark = vms.find((vm) => vm.ref === ref)?.extraConfig[IMAGE_KEY];
  if (mark !== undefined) await govc.vm.change(ref, { extraConfig: { [IMAGE_KEY]: mark } });
}

interface FoundImage {
  readonly digest: string;
  /** Absent: it is imported by the first run. */
  readonly template: Template | undefined;
  readonly facts: Readonly<Record<string, string>>;
}

interface Where {
  readonly needsSnapshot: boolean;
  readonly host: string;
}

async function findImage(
  vms: readonly VmInfo[],
  { image }: Environment,
  source: DiskSource,
  where: Where,
): Promise<FoundImage> {
  const reference = image ?? (await source.currentId());
  const digest = /sha256:[0-9a-f]{64}$/.exec(reference)?.[0] ?? "";
  const template = readTemplate(vms, templateNameOf(digest), where);
  const disk = await source.find(digest);
  if (template?.imageDigest !== digest && disk === undefined) {
    const mend = "build it with: meshbench image build --for esxi";
    const { host } = where;
    throw new BenchError("image", `image ${reference} is missing, on host ${host} and here; ${mend}`, { host });
  }
  if (disk && disk.protocol !== String(PROTOCOL_VERSION)) {
    const message = `image ${reference} speaks protocol ${disk.protocol}, this version ${PROTOCOL_VERSION}`;
    throw new BenchError("protocol", message, { host: where.host });
  }
  const facts = disk && {
    image_content: disk.content,
    image_database: disk.database,
    image_kernel: disk.kernel,
    image_node: disk.node,
    image_protocol: disk.protocol,
  };
  return { digest, template, facts: { ...facts, image: digest } };
}

function requireTemplate(vms: readonly VmInfo[], name: string, { image }: Environment, where: Where): FoundImage {
  const template = readTemplate(vms, name, where);
  const { host } = where;
  if (template === undefined) {
    throw new BenchError("image", `template ${JSON.stringify(name)} is missing on host ${host}`, { host });
  }
  const digest = template.imageDigest;
  if (image !== undefined && !image.endsWith(digest)) {
    throw new BenchError("image", `image ${image} is missing: template ${name} of host ${host} is ${digest}`, { host });
  }
  return { digest, template, facts: { image: digest, template: name } };
}

function hostFacts(about: About, hosts: readonly HostInfo[]): Record<string, string> {
  const of = (fact: (host: HostInfo) => string | number) =>
    [...new Set(hosts.map((host) => String(fact(host))))].join();
  return {
    cpu_model: of(({ cpuModel }) => cpuModel),
    engine: about.fullName,
    engine_api: `${about.apiType} ${about.apiVersion}`,
    engine_cpus: of(({ cpuThreads }) => cpuThreads),
    engine_hosts: String(hosts.length),
    engine_memory_mib: of(({ memoryMib }) => memoryMib),
    hypervisor: of(({ version }) => version),
  };
}

function disksInWords(isVcenter: boolean, disks: DiskKind): string {
  if (disks === "full") return "full copies";
  return isVcenter ? "linked clones" : "child disks";
}

const placeFacts = ({ datastore, network }: Place, disks: string): Record<string, string> => ({
  datastore: datastore.name,
  disks,
  network: network.name,
});

const sortByName = (facts: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(facts).sort(([a], [b]) => (a < b ? -1 : 1)));
