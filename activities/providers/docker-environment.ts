/** What a Docker environment turned out to be: its image, pinned by id, and the facts of its engine and machine. */

import { release } from "node:os";
import type Docker from "dockerode";
import type { ImageInspectInfo } from "dockerode";
import { IMAGE_LABEL } from "#activities/image/node-image";
import { isStatus } from "#activities/providers/docker-engine";
import { readNeighbourLimit } from "#activities/neighbour-table";
import type { DockerEngine } from "#activities/providers/docker-engine";
import { factsByName, neighbourFacts, processorFacts, readProcessor } from "#activities/providers/machine-facts";
import type { Processor } from "#activities/providers/machine-facts";
import { BenchError } from "#model/errors";
import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { PreparedEnvironment } from "#model/run";
import type { Environment, Isolation } from "#model/spec";

/** Of the engine's answer to `info`, which dockerode leaves untyped. */
interface EngineInfo {
  readonly CgroupDriver: string;
  readonly CgroupVersion?: string;
  readonly ContainerdCommit?: { readonly ID: string };
  readonly DefaultRuntime: string;
  readonly Driver: string;
  readonly KernelVersion: string;
  readonly LiveRestoreEnabled: boolean;
  readonly MemTotal: number;
  readonly NCPU: number;
  readonly OperatingSystem: string;
  readonly RuncCommit?: { readonly ID: string };
  readonly SecurityOptions?: readonly string[];
  readonly ServerVersion: string;
}

/**
 * @param about.imageTag - The image of this checkout, for environments that name none.
 * @param about.isInVm - The operator says so: nothing that an engine tells shows it from outside.
 * @throws {BenchError} `image`, `protocol`, `engine unavailable`.
 */
export async function prepareDockerEnvironment(
  engine: DockerEngine,
  environment: Environment,
  { imageTag, isInVm }: { readonly imageTag: () => Promise<string>; readonly isInVm: boolean },
): Promise<PreparedEnvironment> {
  const [info, version] = await Promise.all([
    engine.read("ask for the engine's facts", undefined, (docker): Promise<EngineInfo> => docker.info()),
    engine.read("ask for the engine's version", undefined, (docker) => docker.version()),
  ]);
  const image = await inspectImage(engine, environment, imageTag);
  requireFit(image, environment, version.Arch);
  const isHere = !isInVm && isLocal(engine.docker, info);
  const processor = isHere ? await readProcessor() : undefined;
  return {
    ...environment,
    imageDigest: image.Id,
    isolation: isInVm ? "container-in-vm" : isolationOn(processor),
    facts: factsByName({
      ...engineFacts(info, version.Arch),
      ...imageFacts(image),
      ...(isInVm ? { virtualisation: "declared" } : processorFacts(processor)),
      ...neighbourFacts(isHere ? await readNeighbourLimit() : undefined),
    }),
  };
}

async function inspectImage(
  engine: DockerEngine,
  { image, host }: Environment,
  imageTag: () => Promise<string>,
): Promise<ImageInspectInfo> {
  const reference = image ?? (await imageTag());
  try {
    return await engine.read(`look image ${reference} up`, undefined, (docker) => docker.getImage(reference).inspect());
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
    const mend = image === undefined ? "build it with: meshbench image build" : `load it with: docker pull ${image}`;
    throw new BenchError("image", `image ${reference} is missing on host ${host}; ${mend}`, { host }, { cause: error });
  }
}

function requireFit(image: ImageInspectInfo, { image: reference, host }: Environment, engineArch: string): void {
  const name = reference ?? image.RepoTags[0] ?? image.Id;
  if (image.Architecture !== engineArch) {
    throw new BenchError("image", `image ${name} is for ${image.Architecture}, host ${host} is ${engineArch}`, {
      host,
    });
  }
  const protocol = image.Config.Labels?.[IMAGE_LABEL.protocol];
  if (protocol === undefined) {
    throw new BenchError("image", `image ${name} is no node image: it has no label ${IMAGE_LABEL.protocol}`, { host });
  }
  if (protocol !== String(PROTOCOL_VERSION)) {
    const message = `image ${name} speaks protocol ${protocol}, this version ${PROTOCOL_VERSION}`;
    throw new BenchError("protocol", message, { host });
  }
}

/**
 * An engine behind a socket of this machine, with this machine's kernel. A socket alone says little: it may lead into
 * Docker Desktop's machine, or be forwarded.
 */
function isLocal(docker: Docker, info: EngineInfo): boolean {
  const { socketPath } = docker.modem as { socketPath?: unknown };
  return socketPath !== undefined && info.KernelVersion === release();
}

/**
 * `container-in-vm` only where it is certain: the engine is on this machine, and its processor says that a hypervisor
 * runs it (the CPUID bit that Linux shows as the flag `hypervisor`). Else `container`: a remote engine, or a processor
 * without such a bit, cannot be told from here; the fact `virtualisation` then says `unknown`.
 */
const isolationOn = (processor: Processor | undefined): Isolation =>
  processor?.isVirtual ? "container-in-vm" : "container";

function engineFacts(info: EngineInfo, architecture: string): Record<string, string> {
  return {
    architecture,
    cgroup: `v${info.CgroupVersion ?? "1"} ${info.CgroupDriver}`,
    containerd: info.ContainerdCommit?.ID ?? "unknown",
    engine: `docker ${info.ServerVersion}`,
    engine_cpus: String(info.NCPU),
    engine_memory_mib: String(Math.floor(info.MemTotal / 1024 / 1024)),
    kernel: info.KernelVersion,
    live_restore: String(info.LiveRestoreEnabled),
    network: "bridge",
    os: info.OperatingSystem,
    runtime: `${info.DefaultRuntime} ${info.RuncCommit?.ID ?? ""}`.trim(),
    security: (info.SecurityOptions ?? []).join(" "),
    storage_driver: info.Driver,
  };
}

/** Its id, and what its labels tell: `image_database`, `image_node`, … */
function imageFacts({ Id, Config }: ImageInspectInfo): Record<string, string> {
  const labels = Object.entries(IMAGE_LABEL).map(([name, label]) => [`image_${name}`, Config.Labels?.[label] ?? ""]);
  return { image: Id, ...Object.fromEntries(labels) };
}
