/** What nodes' disks hang on: a VM that never runs, imported once per host, or made by the operator. */

import { join } from "node:path";
import { VM_DISK_FILE } from "#activities/image/vm-disk";
import type { VmDisk } from "#activities/image/vm-disk";
import { ChangedMeanwhileError, isGovcError } from "#activities/providers/esxi-connection";
import type { EsxiConnection } from "#activities/providers/esxi-connection";
import { IMAGE_KEY } from "#activities/providers/esxi-labels";
import type { Place } from "#activities/providers/esxi-place";
import { isSimulatedVm } from "#activities/providers/esxi-simulator";
import type { Govc, VmInfo, VmRef } from "#govc-wrapper";
import { digestOf } from "#activities/image/node-image";
import { BenchError } from "#model/errors";
import { LABEL } from "#model/ids";
import { isPastDeadline } from "#model/reaping";

/**
 * What an import says of itself from its first moment until its mark is there, which cannot be given with it. Others that
 * use this datastore cannot be at it, since a run has taken its fence; those of a vCenter's other datastores can.
 */
const importAnnotationOf = ({ imageDigest, place, deadlineAt }: WantedTemplate): string =>
  `meshbench import of ${imageDigest} to ${encodeURI(place.datastore.url)} until ${deadlineAt}`;

/** @returns `undefined` where it is none that is unfinished. */
function parseImport({ extraConfig, annotation }: VmInfo, imageDigest: string) {
  const [, digest, url = "", deadlineAt = ""] =
    /^meshbench import of (\S+) to (\S+) until (\S+)$/.exec(annotation) ?? [];
  if (IMAGE_KEY in extraConfig || digest !== imageDigest) return undefined;
  return { datastoreUrl: decodeURI(url), deadlineAt };
}

/** The one that linked clones are made from; child disks on a standalone host need none. */
const SNAPSHOT = "meshbench";

export interface Template {
  readonly ref: VmRef;
  readonly name: string;
  /** `sha256:` and 64 hex digits. */
  readonly imageDigest: string;
  /** On a vCenter, of the snapshot to clone from. */
  readonly snapshot: string | undefined;
  readonly isSimulated: boolean;
}

/** With what VMs hang on. */
export interface ReadyTemplate extends Template {
  /** The disk that children of a standalone host are made of, from the root of the runs' datastore. */
  readonly diskPath?: string;
}

/** The node image as this machine has it. */
export interface DiskSource {
  /** Of the disk that this checkout builds. */
  readonly currentId: () => Promise<string>;
  /** @returns `undefined` where it was not built here. */
  readonly find: (id: string) => Promise<VmDisk | undefined>;
}

/** Names the content: who finds it need not import it, whichever installation did. */
export const templateNameOf = (imageDigest: string): string =>
  `meshbench-template-${imageDigest.slice("sha256:".length).slice(0, 16)}`;

/**
 * The template as it is, by its exact name.
 * @returns `undefined` where there is none.
 * @throws {BenchError} `image` where it cannot serve as one.
 */
export function readTemplate(
  vms: readonly VmInfo[],
  name: string,
  { needsSnapshot, host }: { needsSnapshot: boolean; host: string },
): Template | undefined {
  const [vm, ...others] = vms.filter((one) => one.name === name && !(LABEL.run in one.extraConfig));
  if (vm === undefined) return undefined;
  const refuse = (problem: string) => new BenchError("image", `template ${JSON.stringify(name)} ${problem}`, { host });
  if (others.length > 0) throw refuse(`is there ${others.length + 1} times`);
  if (vm.powerState !== "poweredOff") throw refuse(`is ${vm.powerState}; its disk must not change any more`);
  const snapshot = vm.snapshots.includes(SNAPSHOT) ? SNAPSHOT : vm.snapshots.at(-1);
  if (needsSnapshot && snapshot === undefined) throw refuse("has no snapshot to link clones to; make one");
  return { ref: vm.ref, name, imageDigest: imageDigestOf(vm), snapshot, isSimulated: isSimulatedVm(vm) };
}

/** One that was made by hand is known by which VM it is. */
const imageDigestOf = ({ extraConfig, instanceUuid = "", uuid = "", vmxPath = "" }: VmInfo): string =>
  extraConfig[IMAGE_KEY] ?? `sha256:${digestOf({ instanceUuid, uuid, vmxPath })}`;

/**
 * The template of this image, imported where it is missing. The fence lets one run at a time do so; what an import that
 * was cut off left is replaced.
 * @throws {BenchError} `name taken` by somebody else's VM, `image`, `capacity`, `licence read-only` …
 */
export async function ensureTemplate(
  connection: EsxiConnection,
  wanted: WantedTemplate,
  signal: AbortSignal,
): Promise<Template> {
  const { imageDigest, source, needsSnapshot } = wanted;
  const host = connection.hostId;
  const name = templateNameOf(imageDigest);
  return connection.converge(signal, async (govc) => {
    const vms = await connection.listVms();
    const unfinished = vms.filter((vm) => vm.name === name && parseImport(vm, imageDigest) !== undefined);
    for (const vm of unfinished) await connection.make(signal, () => removeImport(govc, vm, wanted));
    const others = vms.filter((vm) => !unfinished.includes(vm));
    const existing = readTemplate(others, name, { needsSnapshot, host });
    if (existing?.imageDigest === imageDigest) return existing;
    if (existing)
      throw new BenchError("name taken", `name ${name} is taken by a foreign VM, ${existing.ref}`, { host });
    const file = await requireAppliance(source, imageDigest, host);
    await importTemplate(govc, { ...wanted, name, file }, signal);
    throw new ChangedMeanwhileError(`template ${name} was just imported`);
  });
}

async function removeImport(govc: Govc, vm: VmInfo, { imageDigest, place, now }: WantedTemplate): Promise<void> {
  const { datastoreUrl, deadlineAt = "" } = parseImport(vm, imageDigest) ?? {};
  const isOurs = datastoreUrl === place.datastore.url;
  if (!isOurs && !isPastDeadline(deadlineAt, now())) {
    throw new ChangedMeanwhileError(`somebody else imports template ${vm.name} until ${deadlineAt} at the latest`);
  }
  try {
    await govc.vm.destroy(vm.ref);
  } catch (error) {
    // Its transfer was cut off a moment ago, and the host still holds on to it.
    if (isGovcError(error, "wrong state", "not found"))
      throw new ChangedMeanwhileError(error.message, { cause: error });
    throw error;
  }
}

interface WantedTemplate {
  readonly imageDigest: string;
  readonly place: Place;
  readonly isVcenter: boolean;
  readonly needsSnapshot: boolean;
  readonly source: DiskSource;
  /** Of the run, UTC, ISO 8601: whoever imports is done or dead then. */
  readonly deadlineAt: string;
  readonly now: () => Date;
}

async function requireAppliance(source: DiskSource, imageDigest: string, host: string): Promise<string> {
  const disk = await source.find(imageDigest);
  if (disk) return join(disk.dir, VM_DISK_FILE.appliance);
  const mend = "build it with: meshbench image build --for esxi";
  throw new BenchError("image", `image ${imageDigest} is neither on host ${host} nor here; ${mend}`, { host });
}

/** @throws {BenchError} `image` where children of its disk would be on another datastore than it. */
export async function findTemplateDisk(
  connection: EsxiConnection,
  { ref, name }: Template,
  { datastore }: Place,
): Promise<string> {
  const { disk, location } = await connection.converge(undefined, async (govc) => {
    const [first] = await govc.device.disks(ref);
    return { disk: first, location: first && (await connection.locate(first.file)) };
  });
  if (location?.datastore === datastore.ref) return location.path;
  const problem = disk ? `has its disk at ${disk.file}, not on datastore ${datastore.name}` : "has no disk";
  throw new BenchError("image", `template ${JSON.stringify(name)} ${problem}`, { host: connection.hostId });
}

/** Its mark comes last: without it, it is not finished. A transfer that is called off leaves such a one. */
async function importTemplate(
  govc: Govc,
  wanted: WantedTemplate & { name: string; file: string },
  signal: AbortSignal,
): Promise<void> {
  const { name, file, place, imageDigest, isVcenter } = wanted;
  const { datastore, network, pool, folder } = place;
  const target = { datastore: datastore.ref, pool, ...(folder && { folder }) };
  try {
    const annotation = importAnnotationOf(wanted);
    const networks = { [APPLIANCE_NETWORK]: network.ref };
    await govc.import.ova({ name, file, annotation, ...target, networks }, { signal });
  } catch (error) {
    if (isGovcError(error, "already exists")) throw new ChangedMeanwhileError(error.message, { cause: error });
    throw error;
  }
  const vm = await govc.vm.find(name);
  if (vm === undefined) throw new ChangedMeanwhileError(`template ${name} went away`);
  if (isVcenter) await govc.snapshot.create(vm.ref, SNAPSHOT);
  await govc.vm.change(vm.ref, { extraConfig: { [IMAGE_KEY]: imageDigest } });
}

/** As the appliance calls the one network it has. */
const APPLIANCE_NETWORK = "nodes";
