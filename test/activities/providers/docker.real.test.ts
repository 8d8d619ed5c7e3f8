import Docker from "dockerode";
import { nodeImageTag } from "#activities/image/node-image";
import { DockerProvider } from "#activities/providers/docker";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { describeProviderContract } from "#test/support/provider-contract";
import type { ProviderHarness } from "#test/support/provider-contract";

const docker = new Docker(resolveDockerEndpoint().options);
const imageTag = async () => process.env["TINY"] ?? nodeImageTag();
const openProvider = () => new DockerProvider({ docker, hostId: "here", imageTag });

async function openDockerHarness(): Promise<ProviderHarness> {
  const foreignIds: string[] = [];
  return {
    provider: openProvider(),
    otherWorker: openProvider(),
    environment: { name: "containers", provider: "docker", host: "here", cpus: 1, memoryMib: 128 },
    missingImage: `sha256:${"a".repeat(64)}`,
    makeForeign: async (name) => {
      const container = await docker.createContainer({ name, Image: await imageTag(), Labels: { "foreign.run": name } });
      foreignIds.push(container.id);
      return { exists: () => containerExists(container.id) };
    },
    pause: ({ id }) => docker.getContainer(id).pause(),
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

describeProviderContract("docker", openDockerHarness);
