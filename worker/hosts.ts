/** From the operator's file to what each host's activities need: secrets read, providers built. */

import { join } from "node:path";
import Docker from "dockerode";
import { openMysqlNodeDatabase } from "#activities/database/mysql-node-database";
import { deriveFenceToken } from "#activities/database/password";
import { LocalHostGuards, RemoteHostGuards } from "#activities/guards/host-guards";
import type { HostGuards } from "#activities/guards/host-guards";
import { DEFAULT_TIMING } from "#activities/host-dependencies";
import type { HostDependencies } from "#activities/host-dependencies";
import { LockFiles } from "#activities/fence/lock-files";
import { buildCommitImage } from "#activities/image/commit-image";
import { ImageBuilds } from "#activities/image/image-builds";
import { nodeImageTag } from "#activities/image/node-image";
import { vmDiskId } from "#activities/image/vm-disk";
import { nodeImageDir, nodeTreeDigest } from "#activities/image/node-tree";
import { DockerProvider } from "#activities/providers/docker";
import { openDockerEndpoint } from "#activities/providers/docker-endpoint";
import { ProcessProvider } from "#activities/providers/process";
import type { NodeProvider, ProviderKey } from "#activities/providers/provider";
import { QemuProvider } from "#activities/providers/qemu";
import { currentStepContext } from "#activities/step";
import { UnavailableError } from "#model/errors";
import { openEsxiProvider } from "#worker/esxi-host";
import { credentialsFrom, readHostSecret } from "#worker/host-secret";
import { readHostsFile } from "#worker/hosts-file";
import type { HostSettings, HostsFile } from "#worker/hosts-file";
import type { Installation } from "#worker/installation";
import { findOtherLockDirs, locateLockDir } from "#worker/lock-dir";
import type { TemporalView } from "#worker/temporal-view";

/**
 * @throws {InputError} Something in the file, or one of the files it names, is wrong.
 * @throws {UnavailableError} No such file, or an engine that cannot be reached.
 */
export function openHosts(installation: Installation, { askRunOutcome, domain }: TemporalView): HostDependencies[] {
  const { hosts, guards } = requireHostsFile(installation);
  const lockDir = locateLockDir();
  const machineFence = new LockFiles(lockDir, { findOtherDirs: () => findOtherLockDirs(lockDir) });
  const imageBuilds = new ImageBuilds();
  return Object.entries(hosts).map(([host, settings]) => {
    const hostSecret = readHostSecret(settings.secret_file, installation.hostsFile);
    return {
      host,
      providers: openProviders(host, settings, installation),
      openDatabase: openMysqlNodeDatabase(hostSecret),
      credentials: credentialsFrom(hostSecret),
      // Each host its own: what waits in it is the host's reaper's to judge.
      spoolDir: join(installation.home, "spool", host),
      keptLogsDir: join(installation.logsDir, "runs"),
      askRunOutcome,
      domain,
      fenceToken: (runId) => deriveFenceToken(hostSecret, runId),
      machineFence,
      currentContext: currentStepContext,
      timing: DEFAULT_TIMING,
      guards: openGuards(settings, guards),
      imageBuilds,
      buildImage: imageBuilder(settings),
    };
  });
}

/** Hosts of this installation that only a worker on this very machine can serve. */
export const hostsOnThisMachine = (installation: Installation): string[] =>
  Object.entries(requireHostsFile(installation).hosts)
    .filter(([, settings]) => isOnThisMachine(settings))
    .map(([host]) => host);

const isOnThisMachine = ({ docker, process: native, qemu }: HostSettings): boolean =>
  native !== undefined || qemu !== undefined || docker?.endpoint.startsWith("unix:") === true;

/** Ends the sessions that providers have with their hosts. */
export async function closeHosts(hosts: readonly HostDependencies[]): Promise<void> {
  const providers = hosts.flatMap((host) => [...host.providers.values()]);
  for (const provider of providers) await provider.close?.();
}

function imageBuilder({ docker }: HostSettings): HostDependencies["buildImage"] {
  return docker && ((input) => buildCommitImage(input, docker.endpoint));
}

function requireHostsFile({ hostsFile }: Installation): HostsFile {
  const file = readHostsFile(hostsFile);
  if (file) return file;
  throw new UnavailableError(`no hosts are set up here: ${hostsFile} is missing`, "meshbench up");
}

/** A socket that leads elsewhere is noticed once its nodes are not to be seen here. */
function openGuards(host: HostSettings, settings: HostsFile["guards"]): HostGuards {
  const thresholds = {
    foreignCpuPct: settings.foreign_cpu_pct,
    quietWaitSec: settings.quiet_wait_s,
    gapMs: settings.gap_ms,
  };
  const isHere = process.platform === "linux" && isOnThisMachine(host);
  return isHere ? new LocalHostGuards(thresholds) : new RemoteHostGuards(thresholds);
}

function openProviders(
  host: string,
  { docker, process: native, qemu, esxi }: HostSettings,
  installation: Installation,
): ReadonlyMap<ProviderKey, NodeProvider> {
  const providers = new Map<ProviderKey, NodeProvider>();
  if (docker) {
    const engine = openEngine(docker.endpoint, `hosts.${host}.docker.endpoint`);
    providers.set("docker", new DockerProvider({ docker: engine, hostId: host, imageTag: nodeImageTag }));
  }
  if (docker?.in_vm) {
    const engine = openEngine(docker.in_vm.endpoint, `hosts.${host}.docker.in_vm.endpoint`);
    const inVm = { docker: engine, hostId: host, imageTag: nodeImageTag, vmSubnet: docker.in_vm.subnet };
    providers.set("docker in a VM", new DockerProvider(inVm));
  }
  if (native) {
    requireRootFor(`hosts.${host}.process`);
    const source = { imageDir: nodeImageDir(installation.cache), imageDigest: nodeTreeDigest };
    providers.set("process", new ProcessProvider({ hostId: host, ...source }));
  }
  if (qemu) {
    requireRootFor(`hosts.${host}.qemu`);
    const source = { cache: installation.cache, diskId: () => vmDiskId("qemu") };
    providers.set("qemu", new QemuProvider({ hostId: host, accelerator: qemu.accel, ...source }));
  }
  if (esxi) providers.set("esxi", openEsxiProvider(host, esxi, installation));
  return providers;
}

const openEngine = (endpoint: string, field: string): Docker =>
  new Docker(openDockerEndpoint(endpoint, { field }).options);

/** Namespaces and interfaces are root's: whoever only looks at what is there needs it, too. */
function requireRootFor(field: string): void {
  if (process.platform === "linux" && process.geteuid?.() === 0) return;
  throw new UnavailableError(`${field} needs root on Linux`, "run it as root, or take that out of hosts.yaml");
}
