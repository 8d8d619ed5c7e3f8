import { afterEach, describe, expect, test } from "vitest";
import { openMysqlNodeDatabase } from "#activities/database/mysql-node-database";
import { describeContainer } from "#activities/providers/docker-container";
import { DockerEngine } from "#activities/providers/docker-engine";
import { findNetwork } from "#activities/providers/docker-network";
import { formatSubnet } from "#activities/providers/ipv4";
import type { RunSpec } from "#model/run";
import { docker, DOCKER_ENVIRONMENT, openDockerHarness, openDockerProvider } from "#test/support/docker-harness";
import { describeProviderContract, HOST_SECRET, newRunId, nodeSpecs } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";

const provider = openDockerProvider();
const deadlineAt = new Date(Date.now() + 600_000).toISOString();
const { signal } = new AbortController();
const runIds: string[] = [];

afterEach(async () => {
  for (const runId of runIds.splice(0)) await provider.destroyRun(runId);
});

async function newRun(overrides: Parameters<typeof sampleRun>[0] = {}): Promise<RunSpec> {
  const runId = newRunId();
  runIds.push(runId);
  const environment = { ...(await provider.prepareEnvironment(DOCKER_ENVIRONMENT)), ...overrides.environment };
  const run = sampleRun({ ...overrides, runId, environment });
  await provider.ensureRun(run, deadlineAt, signal);
  return run;
}

function nodeSpecOf(run: RunSpec) {
  const [node] = nodeSpecs(run);
  if (!node) throw new Error("no node");
  return node;
}

const ensureFirstNode = (run: RunSpec) => provider.ensureNode(run, nodeSpecOf(run), signal);

async function leaveUnstarted(run: RunSpec, planned: RunSpec): Promise<string> {
  const network = await findNetwork(new DockerEngine(docker, "here"), run.runId, signal);
  const { options } = describeContainer(planned, nodeSpecOf(run), network!, new Date());
  return (await docker.createContainer(options)).id;
}

describeProviderContract("docker", openDockerHarness);

describe("docker", () => {
  test("pins the image by its id and records what the environment is", async () => {
    const { imageDigest, facts, isolation } = await provider.prepareEnvironment(DOCKER_ENVIRONMENT);
    expect(imageDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(facts).toMatchObject({ image: imageDigest, engine: expect.stringMatching(/^docker \d/) });
    expect(Object.keys(facts)).toEqual(Object.keys(facts).sort());
    expect(isolation).toBe(facts["virtualisation"] === "hypervisor" ? "container-in-vm" : "container");
  });

  test("names image and command where this checkout's image is not built", async () => {
    const unbuilt = openDockerProvider({ imageTag: async () => "meshbench-node:0000000000000000" });
    await expect(unbuilt.prepareEnvironment(DOCKER_ENVIRONMENT)).rejects.toMatchObject({
      kind: "image",
      message: expect.stringMatching(/meshbench-node:0000000000000000 .*meshbench image build/),
    });
  });

  test("removes nothing of the same run's name that is another host's, or nobody's", async () => {
    const run = await newRun();
    await ensureFirstNode(run);
    const { imageDigest: Image } = run.environment;
    const labels = [
      { "meshbench.run": run.runId, "meshbench.host": "elsewhere" },
      { "meshbench.run": run.runId },
      { "meshbench.running": run.runId, "meshbench.host": "here" },
    ];
    const decoys = await Promise.all(labels.map((Labels) => docker.createContainer({ Image, Labels })));
    try {
      expect(await provider.destroyRun(run.runId)).toBe(2);
      const left = await Promise.all(decoys.map((decoy) => decoy.inspect()));
      expect(left.map(({ Id }) => Id)).toEqual(decoys.map(({ id }) => id));
    } finally {
      await Promise.allSettled(decoys.map((decoy) => decoy.remove({ force: true, v: true })));
    }
  });

  test("hardens a node, and takes limits above what the host has", async () => {
    const run = await newRun({ point: { cpus: 4096, memoryMib: 256 } });
    const { id } = await ensureFirstNode(run);
    const { HostConfig, NetworkSettings } = await docker.getContainer(id).inspect();
    expect(HostConfig).toMatchObject({
      CpuPeriod: 100_000,
      CpuQuota: 409_600_000,
      Memory: 256 * 1024 * 1024,
      MemorySwap: 256 * 1024 * 1024,
      CapDrop: ["ALL"],
      SecurityOpt: ["no-new-privileges:true"],
      ReadonlyRootfs: true,
      Privileged: false,
      PublishAllPorts: false,
      RestartPolicy: { Name: "no" },
      PidsLimit: expect.any(Number),
      Tmpfs: { "/ram": `size=${run.sizing.ramDiskMib}m` },
    });
    expect(NetworkSettings.Ports).toEqual({});
    expect(Object.keys(NetworkSettings.Networks)).toEqual([`meshbench-${run.runId}`]);
  });

  test("lets the worker reach a node's database, in a network closed to everything else", async () => {
    const run = await newRun();
    const node = await ensureFirstNode(run);
    const [network] = await docker.listNetworks({ filters: { name: [`meshbench-${run.runId}`] } });
    expect(network).toMatchObject({ Internal: true });
    const database = openMysqlNodeDatabase(HOST_SECRET)(run.runId);
    await expect.poll(() => database.answers(node), { timeout: 20_000, interval: 100 }).toBe(true);
    await database.close();
  });

  test("tells a node that ran out of memory from one that ended", async () => {
    const run = await newRun({ point: { memoryMib: 48 } });
    const node = await ensureFirstNode(run);
    await expect
      .poll(() => provider.inspectNodes(run, [node]), { timeout: 20_000, interval: 200 })
      .toEqual([{ state: "exited", exitCode: expect.any(Number), outOfMemory: true }]);
  });

  test("opens the network where the environment names resolvers outside", async () => {
    const run = await newRun({ environment: { dns: ["192.0.2.53"] } });
    const [network] = await docker.listNetworks({ filters: { name: [`meshbench-${run.runId}`] } });
    expect(network).toMatchObject({ Internal: false });
    const { id } = await ensureFirstNode(run);
    expect((await docker.getContainer(id).inspect()).HostConfig.Dns).toEqual(["192.0.2.53"]);
  });

  test("says which name a foreign network took, and leaves it alone", async () => {
    const runId = newRunId();
    const foreign = await docker.createNetwork({ Name: `meshbench-${runId}`, Internal: true });
    try {
      const attempt = provider.ensureRun(sampleRun({ runId }), deadlineAt, signal);
      await expect(attempt).rejects.toMatchObject({ kind: "name taken" });
      expect(await provider.destroyRun(runId)).toBe(0);
      await expect(foreign.inspect()).resolves.toMatchObject({ Name: `meshbench-${runId}` });
    } finally {
      await foreign.remove();
    }
  });

  test("the engine refuses a block that is in use in the words we look for", async () => {
    const run = await newRun();
    const network = await findNetwork(new DockerEngine(docker, "here"), run.runId, signal);
    const Subnet = formatSubnet(network!.subnet);
    const second = docker.createNetwork({ Name: `${run.runId}-second`, IPAM: { Config: [{ Subnet }] } });
    await expect(second).rejects.toThrow(/overlap/i);
  });

  describe("a container that never started", () => {
    test("is started where it is what we would make", async () => {
      const run = await newRun();
      const left = await leaveUnstarted(run, run);
      const node = await ensureFirstNode(run);
      expect(node.id).toBe(left);
      expect(await provider.inspectNodes(run, [node])).toEqual([{ state: "running" }]);
    });

    test("makes room for another where it is not", async () => {
      const run = await newRun();
      const left = await leaveUnstarted(run, { ...run, point: { ...run.point, memoryMib: 512 } });
      const node = await ensureFirstNode(run);
      expect(node.id).not.toBe(left);
      expect(await provider.inspectNodes(run, [node])).toEqual([{ state: "running" }]);
    });

    test("is removed with its run", async () => {
      const run = await newRun();
      await leaveUnstarted(run, run);
      expect(await provider.destroyRun(run.runId)).toBe(2);
    });
  });

  test("removes a network that somebody looked into", async () => {
    const run = await newRun();
    const { imageDigest } = run.environment;
    const NetworkMode = `meshbench-${run.runId}`;
    const visitor = await docker.createContainer({
      Image: imageDigest,
      Entrypoint: ["sleep", "60"],
      HostConfig: { NetworkMode },
    });
    try {
      await visitor.start();
      expect(await provider.destroyRun(run.runId)).toBe(1);
      expect((await visitor.inspect()).State.Running).toBe(true);
    } finally {
      await visitor.remove({ force: true, v: true });
    }
  });
});
