import Docker from "dockerode";
import { afterEach, describe, expect, test } from "vitest";
import type { NodeProvider } from "#activities/providers/provider";
import type { RunSpec } from "#model/run";
import { DOCKER_ENVIRONMENT, openDockerProvider } from "#test/support/docker-harness";
import { EngineProxy } from "#test/support/engine-proxy";
import type { FaultPlan, ProxyFault } from "#test/support/engine-proxy";
import { sampleNodes } from "#test/support/measured-run";
import { newRunId, nodeSpecs } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";

const NODES = 3;
const DEADLINE_AT = new Date(Date.now() + 600_000).toISOString();
const { signal } = new AbortController();
const direct = openDockerProvider();
const runIds: string[] = [];
const proxies: EngineProxy[] = [];

afterEach(async () => {
  for (const runId of runIds.splice(0)) await direct.destroyRun(runId);
  for (const proxy of proxies.splice(0)) await proxy.close();
});

async function openProxied(plan: FaultPlan, callTimeoutMs = 15_000): Promise<NodeProvider> {
  const proxy = await EngineProxy.open(plan);
  proxies.push(proxy);
  return openDockerProvider({ docker: proxy.docker, callTimeoutMs });
}

async function newRun() {
  const runId = newRunId();
  runIds.push(runId);
  const environment = await direct.prepareEnvironment(DOCKER_ENVIRONMENT);
  return sampleRun({ runId, point: { nodes: NODES }, environment });
}

const labelledOf = async ({ runId }: RunSpec) =>
  (await direct.listLabelled()).filter((resource) => resource.runId === runId);

/** No call twice, or one node's could fail more often in a row than anybody tries again. */
function everyThird(fault: ProxyFault): FaultPlan {
  const failed = new Set<string>();
  return (number, { method, path }) => {
    const call = `${method} ${path}`;
    if (number % 3 !== 0 || failed.has(call)) return undefined;
    failed.add(call);
    return fault;
  };
}

describe.for(["refuse", "cut"] as const)("an engine that fails every third call (%s)", (fault) => {
  test("still gets exactly one network and one container a node, and loses all of them", async () => {
    const provider = await openProxied(everyThird(fault));
    const run = await newRun();
    await provider.ensureRun(run, DEADLINE_AT, signal);
    const nodes = await Promise.all(nodeSpecs(run).map((node) => provider.ensureNode(run, node, signal)));
    expect(await provider.inspectNodes(run, nodes)).toEqual(nodes.map(() => ({ state: "running" })));
    const made = await labelledOf(run);
    expect(made.map(({ kind }) => kind).sort()).toEqual(["container", "container", "container", "network"]);

    await provider.destroyRun(run.runId);
    expect(await labelledOf(run)).toEqual([]);
  });
});

describe("an engine that is not there", () => {
  const unavailable = { kind: "engine unavailable", particulars: { host: "here" } };

  test("is reported when it hangs, within the time limit of a call", async () => {
    const provider = await openProxied(() => "stall", 200);
    await expect(provider.listLabelled()).rejects.toMatchObject(unavailable);
  });

  test("is reported when it goes on failing", async () => {
    const provider = await openProxied(() => "refuse");
    await expect(provider.listLabelled()).rejects.toMatchObject(unavailable);
  });

  test("is reported when nothing listens", async () => {
    const provider = openDockerProvider({ docker: new Docker({ socketPath: "/nonexistent/engine.sock" }) });
    await expect(provider.listLabelled()).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining("ENOENT"),
    });
  });

  test("leaves nothing behind that it did after its answer was given up", async () => {
    const stalled = await openProxied((_, { path }) => (path.includes("/start") ? "stall" : undefined), 1000);
    const run = await newRun();
    const [node] = nodeSpecs(run);
    await stalled.ensureRun(run, DEADLINE_AT, signal);
    await expect(stalled.ensureNode(run, node!, signal)).rejects.toMatchObject(unavailable);
    const adopted = await direct.ensureNode(run, node!, signal);
    expect(await direct.inspectNodes(run, [adopted])).toEqual([{ state: "running" }]);
    expect(await direct.destroyRun(run.runId)).toBe(2);
  });

  test("lets a cancelled caller go at once", async () => {
    const provider = await openProxied(() => "stall");
    const run = await newRun();
    const controller = new AbortController();
    const attempt = provider.ensureRun(run, DEADLINE_AT, controller.signal);
    controller.abort(new Error("cancelled by the test"));
    await expect(attempt).rejects.toThrow("cancelled by the test");
  });
});

test("how nodes are, which is asked all the time, costs the engine one call", async () => {
  const paths: string[] = [];
  const provider = await openProxied((_, { path }) => void paths.push(path));
  const run = await newRun();
  expect(await provider.inspectNodes(run, sampleNodes(run))).toEqual(
    sampleNodes(run).map(() => ({ state: "missing" })),
  );
  expect(paths).toEqual([expect.stringContaining("/containers/json")]);
});

describe("a cancellation while the engine makes something", () => {
  test.for([
    ["network", "/networks/create", 1],
    ["container", "/containers/create", 2],
  ] as const)("waits for the %s, so that teardown finds it", async ([kind, path, made]) => {
    const controller = new AbortController();
    const provider = await openProxied((_, call) => {
      if (call.path.includes(path)) controller.abort(new Error("cancelled by the test"));
      return undefined;
    });
    const run = await newRun();
    const [node] = nodeSpecs(run);
    const ensure = async () => {
      await provider.ensureRun(run, DEADLINE_AT, controller.signal);
      await provider.ensureNode(run, node!, controller.signal);
    };
    await expect(ensure()).rejects.toThrow("cancelled by the test");
    expect((await labelledOf(run)).map((resource) => resource.kind)).toContain(kind);
    expect(await direct.destroyRun(run.runId)).toBe(made);
  });
});
