import { describe, expect, test } from "vitest";
import { describeContainer } from "#activities/providers/docker-container";
import { nodeSpecs } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";

const NETWORK = { id: "network-id", subnet: { base: 0xc6120400, prefix: 24 } };
const NOW = new Date("2030-01-01T00:00:00.000Z");

function optionsOf(run = sampleRun(), { now = NOW, deadlineAt = "2030-01-01T00:10:00.000Z" } = {}) {
  const [node] = nodeSpecs(run);
  return describeContainer(run, { ...node!, deadlineAt }, NETWORK, now).options;
}

describe("a node's container", () => {
  test("is told what is left until its deadline, at least a second", () => {
    expect(optionsOf().Env).toContain("MESHBENCH_DEADLINE_SEC=600");
    expect(optionsOf(undefined, { now: new Date("2031-01-01") }).Env).toContain("MESHBENCH_DEADLINE_SEC=1");
  });

  test("looks clients up only where the run is about that", () => {
    const reverse = sampleRun({ point: { resolve: "reverse" } });
    expect(optionsOf(reverse).Env).toContain("MESHBENCH_REVERSE_LOOKUPS=1");
    expect(optionsOf().Env?.join()).not.toContain("REVERSE");
  });

  test("knows the worker's address where it looks clients up: only peers are to wait for a resolver", () => {
    const reverse = sampleRun({ point: { resolve: "reverse" } });
    expect(optionsOf(reverse).HostConfig?.ExtraHosts).toEqual(["worker:198.18.4.1"]);
    expect(optionsOf().HostConfig?.ExtraHosts).toBeUndefined();
  });

  test("has the environment's RAM disk before the plan's", () => {
    expect(optionsOf().HostConfig?.Tmpfs?.["/ram"]).toBe("size=96m");
    const chosen = sampleRun({ environment: { ramDiskMib: 16 } });
    expect(optionsOf(chosen).HostConfig?.Tmpfs?.["/ram"]).toBe("size=16m");
  });

  test("has an address of its own, and answers its peers to its host name", () => {
    const endpoint = optionsOf().NetworkingConfig?.EndpointsConfig?.["network-id"];
    expect(endpoint).toEqual({ IPAMConfig: { IPv4Address: "198.18.4.2" }, Aliases: ["node-1"] });
    expect(optionsOf().Hostname).toBe("node-1");
  });

  test("is the same one a second later, and another with another limit", () => {
    const later = new Date(NOW.getTime() + 1000);
    const label = "meshbench.config";
    expect(optionsOf(sampleRun(), { now: later }).Labels?.[label]).toBe(optionsOf().Labels?.[label]);
    const larger = sampleRun({ point: { memoryMib: 512 } });
    expect(optionsOf(larger).Labels?.[label]).not.toBe(optionsOf().Labels?.[label]);
  });
});
