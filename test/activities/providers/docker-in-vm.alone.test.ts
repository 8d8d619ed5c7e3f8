import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openMysqlNodeDatabase } from "#activities/database/mysql-node-database";
import type { DockerProvider } from "#activities/providers/docker";
import { parseSubnet } from "#activities/providers/ipv4";
import { docker, DOCKER_ENVIRONMENT, openDockerProvider } from "#test/support/docker-harness";
import { requireNodeImage } from "#test/support/node-image";
import { HOST_SECRET, newRunId, nodeSpecs } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";
import { SecondMachine } from "#test/support/second-machine";

/** As docs/nested.md has it: what the machine routes into the VM. The other machine stands in for the VM. */
const SUBNET = "198.19.0.0/16";
const VM_ADDRESS = "169.254.78.2";
const environment = { ...DOCKER_ENVIRONMENT, inside: "vm" as const };
const runId = newRunId();
let vm: SecondMachine | undefined;
let provider: DockerProvider | undefined;

beforeAll(async () => {
  const { tag } = await requireNodeImage();
  vm = await SecondMachine.start();
  await vm.takeImage(docker, tag);
  const [program = "", ...within] = vm.within;
  execFileSync(program, [...within, "iptables", "--insert", "DOCKER-USER", "--jump", "ACCEPT"]);
  execFileSync("ip", ["route", "replace", SUBNET, "via", VM_ADDRESS]);
  provider = openDockerProvider({ docker: vm.docker, vmSubnet: parseSubnet(SUBNET)! });
});
afterAll(async () => {
  await provider?.destroyRun(runId);
  await vm?.[Symbol.asyncDispose](); // and the route with the link
});

test("an engine in a VM makes nodes that answer on this machine, and each row says what they were", async () => {
  const engine = provider!;
  const prepared = await engine.prepareEnvironment(environment);
  expect(prepared).toMatchObject({ isolation: "container-in-vm", facts: { virtualisation: "declared" } });
  const run = sampleRun({ runId, environment: prepared });
  const { signal } = new AbortController();
  await engine.ensureRun(run, new Date(Date.now() + 600_000).toISOString(), signal);
  const nodes = await Promise.all(nodeSpecs(run).map((node) => engine.ensureNode(run, node, signal)));
  for (const { address } of nodes) expect(address).toMatch(/^198\.19\./);
  const database = openMysqlNodeDatabase(HOST_SECRET)(runId);
  try {
    const answers = () => Promise.all(nodes.map((node) => database.answers(node)));
    await expect.poll(answers, { timeout: 60_000, interval: 100 }).toEqual(nodes.map(() => true));
  } finally {
    await database.close();
  }
});
