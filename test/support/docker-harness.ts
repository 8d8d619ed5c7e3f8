/** A real Docker engine to test on. */

import Docker from "dockerode";
import pRetry from "p-retry";
import { DockerProvider } from "#activities/providers/docker";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import type { Environment } from "#model/spec";
import { requireNodeImage } from "#test/support/node-image";
import type { ProviderHarness } from "#test/support/provider-contract";

export const docker = new Docker(resolveDockerEndpoint().options);

let nodeImage: ReturnType<typeof requireNodeImage> | undefined;

async function imageTag(): Promise<string> {
  nodeImage ??= requireNodeImage();
  return (await nodeImage).tag;
}

export const DOCKER_ENVIRONMENT: Environment = {
  name: "containers",
  provider: "docker",
  host: "here",
  cpus: 1,
  memoryMib: 256,
};

export function openDockerProvider(options: Partial<ConstructorParameters<typeof DockerProvider>[0]> = {}) {
  return new DockerProvider({ docker, hostId: DOCKER_ENVIRONMENT.host, imageTag, ...options });
}

export async function openDockerHarness(): Promise<ProviderHarness> {
  const foreignIds: string[] = [];
  await imageTag();
  return {
    provider: openDockerProvider(),
    otherWorker: openDockerProvider(),
    environment: DOCKER_ENVIRONMENT,
    missingImage: `sha256:${"a".repeat(64)}`,
    makeForeign: async (name) => {
      const labels = { "foreign.run": name };
      const { id } = await docker.createContainer({ name, Image: await imageTag(), Labels: labels });
      foreignIds.push(id);
      return { exists: () => containerExists(id) };
    },
    // On version 1 of cgroups a busy container cannot always be frozen at once.
    pause: ({ id }) => pRetry(() => docker.getContainer(id).pause(), { retries: 10, minTimeout: 50, factor: 1 }),
    kill: async ({ id }) => {
      await docker.getContainer(id).kill({ signal: "SIGKILL" });
      await docker.getContainer(id).wait();
    },
    removeFromOutside: ({ id }) => docker.getContainer(id).remove({ force: true, v: true }),
    describe: async ({ id }) => JSON.stringify(await docker.getContainer(id).inspect()),
    close: async () => {
      for (const id of foreignIds) await docker.getContainer(id).remove({ force: true, v: true });
    },
  };
}

async function containerExists(id: string): Promise<boolean> {
  const containers = await docker.listContainers({ all: true, filters: { id: [id] } });
  return containers.length === 1;
}
