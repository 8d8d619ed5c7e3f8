/** Runs the recipe in a Debian container, for machines that cannot run it themselves: macOS, Fedora, without root. */

import { createWriteStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createInterface } from "node:readline";
import type Docker from "dockerode";
import { extract, pack } from "tar-stream";
import { ROOTFS_RECIPE } from "#activities/image/node-image";
import type { Step } from "#infra/console/steps";

const IMAGE = "debian:bookworm";
const TAIL_LINES = 15;
// Through a pipe, so that nothing draws progress bars on the container's terminal.
const SCRIPT = `{
  apt-get -q update && apt-get -qy install mmdebstrap && /recipe/rootfs.sh /recipe/rootfs.tar /recipe/schema.sql
} 2>&1 | cat`;

export interface ContainerBuild {
  readonly docker: Docker;
  /** Where the tar goes; `<made>.database` beside it. */
  readonly made: string;
  readonly schema: string;
}

export async function buildInDebianContainer({ docker, made, schema }: ContainerBuild, step: Step): Promise<void> {
  await pullIfMissing(docker, step);
  const container = await docker.createContainer({
    Image: IMAGE,
    Cmd: ["bash", "-o", "pipefail", "-c", SCRIPT],
    Env: ["DEBIAN_FRONTEND=noninteractive", ...proxyExceptions()],
    Tty: true,
    // mmdebstrap mounts /proc in the tree: more than a container may do by default.
    HostConfig: { CapAdd: ["SYS_ADMIN"], SecurityOpt: ["apparmor=unconfined"] },
  });
  try {
    await container.putArchive(await packFiles(schema), { path: "/" });
    const output = await container.attach({ stream: true, stdout: true, stderr: true });
    await container.start();
    const tail = await followLines(output, step);
    const { StatusCode: status }: { StatusCode: number } = await container.wait();
    if (status !== 0) throw new Error([`the recipe failed in ${IMAGE} (exit ${status}):`, ...tail].join("\n  "));
    for (const target of [`${made}.database`, made]) {
      await copyOut(await container.getArchive({ path: join("/recipe", basename(target)) }), target);
    }
  } finally {
    await container.remove({ force: true, v: true });
  }
}

async function pullIfMissing(docker: Docker, step: Step): Promise<void> {
  const image: unknown = await docker
    .getImage(IMAGE)
    .inspect()
    .catch(() => undefined);
  if (image !== undefined) return;
  step.detail(`pulling ${IMAGE}`);
  const stream: NodeJS.ReadableStream = await docker.pull(IMAGE);
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
}

/** As this process has it: where it is a proxy's, with the password. */
const setting = (name: string): string | undefined => process.env[name] ?? process.env[name.toUpperCase()];

const proxyExceptions = (): string[] => {
  const hosts = setting("no_proxy");
  return hosts ? [`no_proxy=${hosts}`] : [];
};

/** The container has to go the way this process does. Whoever may ask the engine can read a container's variables. */
function aptProxies(): string {
  const lines = ["http", "https"].map((scheme) => {
    const proxy = setting(`${scheme}_proxy`);
    return proxy ? `Acquire::${scheme}::Proxy "${proxy.replaceAll('"', "%22")}";\n` : "";
  });
  return lines.join("");
}

async function packFiles(schema: string): Promise<NodeJS.ReadableStream> {
  const files = pack();
  for (const name of ROOTFS_RECIPE) {
    files.entry({ name: `recipe/${name}`, mode: 0o755 }, await readFile(join(import.meta.dirname, name)));
  }
  files.entry({ name: "recipe/schema.sql" }, await readFile(schema));
  files.entry({ name: "etc/apt/apt.conf.d/80meshbench-proxy", mode: 0o600 }, aptProxies());
  files.finalize();
  return files.pipe(new PassThrough());
}

/** @returns The last lines. */
async function followLines(output: NodeJS.ReadableStream, step: Step): Promise<string[]> {
  const tail: string[] = [];
  for await (const line of createInterface({ input: output })) {
    if (tail.push(line) > TAIL_LINES) tail.shift();
    step.detail(line);
  }
  return tail;
}

/** The engine hands a file out as a tar with that file in it. */
async function copyOut(archive: NodeJS.ReadableStream, target: string): Promise<void> {
  const files = extract();
  const unpacked = (async () => {
    for await (const entry of files) await pipeline(entry, createWriteStream(target));
  })();
  await Promise.all([pipeline(archive, files), unpacked]);
}
