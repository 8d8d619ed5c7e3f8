/** What a native environment turned out to be: the tree that its nodes enter, and the facts of this machine. */

import { readFile } from "node:fs/promises";
import { release } from "node:os";
import { arch } from "node:process";
import { IMAGE_LABEL } from "#activities/image/node-image";
import { findNodeTree } from "#activities/image/node-tree";
import type { NodeTree } from "#activities/image/node-tree";
import { readNeighbourLimit } from "#activities/neighbour-table";
import { factsByName, neighbourFacts, processorFacts, readProcessor } from "#activities/providers/machine-facts";
import { NodeCgroups } from "#activities/providers/node-cgroups";
import { BenchError } from "#model/errors";
import { PROTOCOL_VERSION } from "#model/node-protocol";
import type { PreparedEnvironment } from "#model/run";
import type { Environment } from "#model/spec";

export interface TreeSource {
  /** Where trees are kept. */
  readonly imageDir: string;
  /** Of the tree of this checkout, for environments that name none: `sha256:` and 64 hex digits. */
  readonly imageDigest: () => Promise<string>;
}

/** @throws {BenchError} `engine unavailable` without root, `image`, `protocol`. */
export async function prepareProcessEnvironment(
  source: TreeSource,
  environment: Environment,
): Promise<PreparedEnvironment> {
  requireRoot(environment);
  const tree = await requireTree(source.imageDir, environment.image ?? (await source.imageDigest()), environment);
  requireProtocol(tree, environment);
  const cgroups = await NodeCgroups.open();
  return {
    ...environment,
    imageDigest: tree.digest,
    isolation: "native",
    facts: factsByName({
      architecture: tree.architecture,
      cgroup: `v${cgroups.version}`,
      engine: "none",
      kernel: release(),
      network: "bridge in a namespace of its own",
      os: await readOsName(),
      ...imageFacts(tree),
      ...processorFacts(await readProcessor()),
      ...neighbourFacts(await readNeighbourLimit()),
    }),
  };
}

function requireRoot({ host }: Environment): void {
  if (process.platform === "linux" && process.geteuid?.() === 0) return;
  const message = "native nodes need root on Linux, for namespaces and interfaces: run the worker as root";
  throw new BenchError("engine unavailable", message, { host });
}

/** @throws {BenchError} `image` where it is missing. */
export async function requireTree(
  imageDir: string,
  digest: string,
  { image, host }: Pick<Environment, "image" | "host">,
): Promise<NodeTree> {
  const tree = /^sha256:[0-9a-f]{64}$/.test(digest) ? await findNodeTree(imageDir, digest) : undefined;
  if (tree) return tree;
  const mend = image === undefined ? "; build it with: meshbench image build --for process" : "";
  throw new BenchError("image", `image ${digest} is not unpacked on host ${host}${mend}`, { host });
}

function requireProtocol({ digest, architecture, labels }: NodeTree, { host }: Environment): void {
  const protocol = labels[IMAGE_LABEL.protocol];
  if (protocol !== String(PROTOCOL_VERSION)) {
    const message = `image ${digest} speaks protocol ${protocol ?? "unknown"}, this version ${PROTOCOL_VERSION}`;
    throw new BenchError("protocol", message, { host });
  }
  if (architecture !== dockerArchitecture()) {
    throw new BenchError("image", `image ${digest} is for ${architecture}, host ${host} is ${dockerArchitecture()}`, {
      host,
    });
  }
}

/** This machine's, as Docker and images call it. */
const dockerArchitecture = (): string => (arch === "x64" ? "amd64" : arch);

/** As a container image of the same inputs has them. */
function imageFacts({ digest, labels }: NodeTree): Record<string, string> {
  const facts = Object.entries(IMAGE_LABEL).map(([name, label]) => [`image_${name}`, labels[label] ?? ""]);
  return { image: digest, ...Object.fromEntries(facts) };
}

async function readOsName(): Promise<string> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1] ?? "unknown";
}
