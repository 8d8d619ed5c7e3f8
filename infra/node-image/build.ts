#!/usr/bin/env node
/**
 * Builds the node image of this checkout and gives it to the Docker engine, or unpacks it for native nodes; or the disk
 * that VMs boot.
 *
 *     node infra/node-image/build.ts [--for docker|process|qemu|esxi] [--yes] [--json]
 *
 * Progress goes to stderr; stdout says what was made. Exit codes as everywhere: 2 usage, 5 no engine, or no place to build.
 */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Command, CommanderError, Option } from "commander";
import Docker from "dockerode";
import { IMAGE_LABEL, type NodeImageInputs, readNodeImageInputs } from "#activities/image/node-image";
import { VM_DISK_FILE, VM_DISK_KINDS } from "#activities/image/vm-disk";
import type { VmDiskKind } from "#activities/image/vm-disk";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import type { Consent } from "#infra/console/consent";
import { Steps } from "#infra/console/steps";
import { askEngine } from "#infra/engine/engine";
import { requireSameEngine } from "#infra/engine/same-engine";
import { withForeignSource } from "#infra/node-image/foreign-source";
import { type ImageDescription, nodeLayers, packImage } from "#infra/node-image/layers";
import { readNodeFiles } from "#infra/node-image/node-files";
import { ensureRootfs } from "#infra/node-image/rootfs";
import { ensureNodeTree } from "#infra/node-image/tree";
import { ensureVmDisk } from "#infra/node-image/vm-disk";
import { EXIT, InputError, UnavailableError } from "#model/errors";
import { DATABASE_PORT, PROTOCOL_VERSION } from "#model/node-protocol";
import { locateInstallation } from "#worker/installation";

export interface BuiltImage {
  readonly tag: string;
  /** The engine's own id of the image: `sha256:` and 64 hex digits. */
  readonly digest: string;
  /** False where the engine had it. */
  readonly built: boolean;
}

/** Safe to repeat, and in parallel: an image of the same inputs is not built again. */
export async function ensureNodeImage(steps: Steps = new Steps()): Promise<BuiltImage> {
  return ensureImageOf(await readNodeImageInputs(), steps);
}

async function ensureImageOf(inputs: NodeImageInputs, steps: Steps): Promise<BuiltImage> {
  const endpoint = resolveDockerEndpoint();
  await askEngine(endpoint);
  const docker = new Docker(endpoint.options);
  const kept = await findImage(docker, inputs);
  if (kept !== undefined) return { tag: inputs.tag, digest: kept, built: false };

  const image = packImage(await makeParts(inputs, docker, steps));
  await steps.run(`loading ${inputs.tag} into the engine`, () => loadImage(docker, image));
  const digest = await findImage(docker, inputs);
  if (digest === undefined) throw new Error(`the engine took ${inputs.tag}, but does not have it`);
  return { tag: inputs.tag, digest, built: true };
}

async function makeParts(inputs: NodeImageInputs, docker: Docker, steps: Steps): Promise<ImageDescription> {
  const { rootfsDigest, schema, nodeVersion } = inputs;
  const { Arch: architecture } = await docker.version();
  const cacheDir = join(locateInstallation().cache, "node-image");
  await mkdir(cacheDir, { recursive: true });
  const rootfs = await ensureRootfs({ digest: rootfsDigest, schema, architecture, cacheDir }, docker, steps);
  const files = await readNodeFiles(inputs, { architecture, cacheDir, steps });
  const labels = {
    [IMAGE_LABEL.inputs]: inputs.digest,
    [IMAGE_LABEL.protocol]: String(PROTOCOL_VERSION),
    [IMAGE_LABEL.database]: rootfs.database,
    [IMAGE_LABEL.node]: nodeVersion,
  };
  const top = nodeLayers(files);
  const layers = [{ tarFile: rootfs.tarFile }, ...top];
  return { tag: inputs.tag, architecture, labels, databasePort: DATABASE_PORT, layers };
}

/** @returns The engine's id of the image with these inputs. */
async function findImage(docker: Docker, { tag, digest }: NodeImageInputs): Promise<string | undefined> {
  try {
    const { Id, Config } = await docker.getImage(tag).inspect();
    return Config.Labels?.[IMAGE_LABEL.inputs] === digest ? Id : undefined;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}

async function loadImage(docker: Docker, image: NodeJS.ReadableStream): Promise<void> {
  const stream = await docker.loadImage(image);
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
}

async function main(): Promise<number> {
  const program = new Command("build.ts")
    .addOption(new Option("--for <provider>").choices(["docker", "process", ...VM_DISK_KINDS]).default("docker"))
    .option("--source <dir>", "the checkout that init and node program come from; its Debian tree has to be ours")
    .option("--yes", "install the packages that are missing without asking")
    .option("--json", "print one JSON document on stdout")
    .exitOverride();
  try {
    const options = program
      .parse()
      .opts<{ for: "docker" | "process" | VmDiskKind; source?: string; yes?: boolean; json?: boolean }>();
    const consent = { isGiven: options.yes ?? false };
    const made = await make(options.for, consent, options.source);
    const text = `${Object.values(made.shown).join(" ")} ${made.built ? "built" : "is there already"}`;
    process.stdout.write(`${options.json ? JSON.stringify({ ...made.shown, built: made.built }) : text}\n`);
    return EXIT.ok;
  } catch (error) {
    return explain(error);
  }
}

/** What is printed of it, in this order. */
interface Made {
  readonly shown: Readonly<Record<string, string>>;
  readonly built: boolean;
}

async function make(kind: "docker" | "process" | VmDiskKind, consent: Consent, source?: string): Promise<Made> {
  if (kind === "docker") return makeNodeImage(source);
  return kind === "process" ? makeNodeTree() : makeVmDisk(kind, consent);
}

async function makeNodeImage(source?: string): Promise<Made> {
  const { tag, digest, built } =
    source === undefined
      ? await makeOwnImage()
      : await withForeignSource(source, (inputs) => ensureImageOf(inputs, new Steps()));
  return { shown: { tag, digest }, built };
}

function makeOwnImage(): Promise<BuiltImage> {
  requireSameEngine(locateInstallation());
  return ensureNodeImage();
}

async function makeNodeTree(): Promise<Made> {
  const { root, digest, built } = await ensureNodeTree(locateInstallation().cache, new Steps());
  return { shown: { path: root, digest }, built };
}

async function makeVmDisk(kind: VmDiskKind, consent: Consent): Promise<Made> {
  const { disk, built } = await ensureVmDisk(kind, { cache: locateInstallation().cache, consent, steps: new Steps() });
  const path = kind === "esxi" ? join(disk.dir, VM_DISK_FILE.appliance) : disk.dir;
  return { shown: { path, digest: disk.id, kernel: disk.kernel }, built };
}

function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof InputError) {
    console.error(error.message);
    return EXIT.usage;
  }
  if (error instanceof UnavailableError) {
    console.error(`error: ${error.message}; ${error.hint}`);
    return EXIT.unavailable;
  }
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  return EXIT.error;
}

if (import.meta.main) process.exitCode = await main();
