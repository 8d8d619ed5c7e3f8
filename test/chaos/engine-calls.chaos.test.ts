import Docker from "dockerode";
import { afterAll, beforeAll, expect, test } from "vitest";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { LABEL } from "#model/ids";
import { EngineProxy } from "#test/support/engine-proxy";
import type { FaultPlan, ProxyFault } from "#test/support/engine-proxy";
import { requireNodeImage } from "#test/support/node-image";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import type { ChaosSweep } from "#test/chaos/support/chaos-harness";
import { ONE_ATTEMPT } from "#test/chaos/support/node-faults/after-fault";
import { DerivedImage } from "#test/chaos/support/node-faults/derived-image";
import { startQueued } from "#test/chaos/support/node-faults/queued-sweep";

const docker = new Docker(resolveDockerEndpoint().options);
/** What becomes of the worker's calls. */
let plan: FaultPlan = () => undefined;
let proxy: EngineProxy;
let chaos: ChaosHarness;

beforeAll(async () => {
  proxy = await EngineProxy.open((number, call) => plan(number, call));
  chaos = await ChaosHarness.up({ env: { DOCKER_HOST: proxy.url }, hosts: { endpoint: proxy.url } });
});
afterAll(async () => {
  plan = () => undefined;
  await chaos[Symbol.asyncDispose]();
  await proxy.close();
});

/** No call twice, or one could fail more often in a row than anybody tries again. Counts how often it happened. */
function failingEveryThird(fault: ProxyFault): { plan: FaultPlan; failed: ReadonlySet<string> } {
  const failed = new Set<string>();
  const everyThird: FaultPlan = (number, { method, path }) => {
    const call = `${method} ${path}`;
    if (number % 3 !== 0 || failed.has(call)) return undefined;
    failed.add(call);
    return fault;
  };
  return { plan: everyThird, failed };
}

async function measure(sweep: ChaosSweep): Promise<void> {
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  plan = () => undefined;
  expect(rows).toMatchObject([{ status: "VALID", attempt: 1 }]);
  expect(await chaos.violations()).toEqual([]);
}

test.for([
  ["refuse", "answers every third call with status 500"],
  ["cut", "does every third call and breaks its answer off"],
] as const)("F18: an engine that fails (%s) makes each node exactly once: it %s", async ([fault]) => {
  const failing = failingEveryThird(fault);
  plan = failing.plan;
  await measure(await chaos.startSweep(`f18-${fault}`, { nodes: 3, rest: ONE_ATTEMPT }));
  expect([...failing.failed].join("\n")).toMatch(/POST .*\/containers\//);
});

test("F18: a call that is never answered is given up, its outcome looked at, and no node made twice", async () => {
  const stalled: string[] = [];
  plan = (_, { method, path }) => {
    if (stalled.length > 0 || !/\/containers\/\w+\/start$/.test(path)) return undefined;
    stalled.push(`${method} ${path}`);
    return "stall";
  };
  await measure(await chaos.startSweep("f18-stall", { rest: ONE_ATTEMPT }));
  expect(stalled).toHaveLength(1);
});

const startsOf = ({ runId }: ChaosSweep) =>
  chaos.events.ofNodes(chaos.installation.hostId, "start").filter(({ attributes }) => attributes[LABEL.run] === runId);

test("F19: a name that a foreign container has is told, and the container is left alone", async () => {
  const { sweep, letGo } = await startQueued(chaos, "f19");
  const { tag } = await requireNodeImage();
  const foreign = await docker.createContainer({
    name: `${sweep.runId}-n1`,
    Image: tag,
    Labels: { owner: "somebody" },
  });
  try {
    expect(await letGo()).toMatchObject({
      status: "FAILED",
      reason: expect.stringMatching(/^name taken: name \S+-n1 is taken by a foreign container/),
    });
    expect(await foreign.inspect()).toMatchObject({ Id: foreign.id, State: { Status: "created" } });
    expect(await chaos.violations()).toEqual([]);
  } finally {
    await foreign.remove();
  }
});

test("F20: an image that is removed between plan and provision fails the run before any node starts, by name", async () => {
  await using image = await DerivedImage.make({ instructions: ["ENV SOON=gone"] });
  const environments = { containers: { ...chaos.installation.environment(), image: image.id } };
  const { sweep, letGo } = await startQueued(chaos, "f20", { environments });
  await image.remove();
  const row = await letGo();
  expect(row).toMatchObject({ status: "FAILED", reason: expect.stringMatching(/^image: /) });
  expect(row.reason).toContain(image.id);
  expect(startsOf(sweep)).toEqual([]);
  expect(await chaos.violations()).toEqual([]);
});
