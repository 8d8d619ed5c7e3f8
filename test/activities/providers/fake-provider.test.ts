import { describe, expect, test } from "vitest";
import { FakeHost, FakeProvider } from "#test/support/fake-provider";
import { describeProviderContract, nodeSpecs } from "#test/support/provider-contract";
import type { ProviderHarness } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";

async function openFakeHarness(): Promise<ProviderHarness> {
  const host = new FakeHost();
  const provider = new FakeProvider({ host });
  return {
    provider,
    otherWorker: new FakeProvider({ host }),
    environment: { name: "containers", provider: "docker", host: "here", cpus: 1, memoryMib: 128 },
    missingImage: `registry.example/node@sha256:${"a".repeat(64)}`,
    makeForeign: async (name) => {
      host.foreignNames.add(name);
      return { exists: async () => host.foreignNames.has(name) };
    },
    pause: async (node) => provider.setState(node, { state: "paused" }),
    kill: async (node) => provider.setState(node, { state: "exited", exitCode: 137, outOfMemory: false }),
    removeFromOutside: async (node) => provider.setState(node, { state: "missing" }),
    describe: async ({ name }) => JSON.stringify(host.nodes.get(name)),
    close: async () => {},
  };
}

describeProviderContract("fake", openFakeHarness);

describe("planned failures", () => {
  const signal = new AbortController().signal;
  const run = sampleRun();
  const [node] = nodeSpecs(run);

  test.for([
    { moment: "before", nodes: 0 },
    { moment: "after", nodes: 1 },
  ] as const)("leave $nodes nodes when they come $moment the effect, and come once", async ({ moment, nodes }) => {
    const provider = new FakeProvider();
    await provider.ensureRun(run, "2030-01-01T00:00:00.000Z", signal);
    provider.failNext("ensureNode", new Error("planned"), { moment, nodeIndex: 1 });
    await expect(provider.ensureNode(run, node!, signal)).rejects.toThrow("planned");
    expect(provider.host.nodes.size).toBe(nodes);
    await expect(provider.ensureNode(run, node!, signal)).resolves.toMatchObject({ index: 1 });
    expect(provider.host.nodes.size).toBe(1);
  });
});
