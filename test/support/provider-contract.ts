/** What every provider promises, as one suite: fakes pass it in memory, real ones on their host. */

import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { derivePassword, verifierOf } from "#activities/database/password";
import type { NodeProvider, NodeSpec } from "#activities/providers/provider";
import type { NodeHandle, PreparedEnvironment, RunSpec } from "#model/run";
import type { Environment } from "#model/spec";
import { sampleRun } from "#test/support/sample-run";

/** A provider on a host that the suite may disturb. */
export interface ProviderHarness {
  readonly provider: NodeProvider;
  /** As another worker process would have it. */
  readonly otherWorker: NodeProvider;
  /** Its image is there. */
  readonly environment: Environment;
  /** As an environment would name it. */
  readonly missingImage: string;
  /** Makes a resource of that name that is not ours. It says whether it is still there. */
  makeForeign(name: string): Promise<{ exists(): Promise<boolean> }>;
  pause(node: NodeHandle): Promise<void>;
  kill(node: NodeHandle): Promise<void>;
  /** What the provider says of a node that was killed; 137 where this is absent, `null` where it cannot tell. */
  readonly exitCodeOfKilled?: number | null;
  removeFromOutside(node: NodeHandle): Promise<void>;
  /** All that anybody who may look at the host can read about a node. */
  describe(node: NodeHandle): Promise<string>;
  /** Removes what the suite made beside its runs. */
  close(): Promise<void>;
}

const DEADLINE_AT = new Date(Date.now() + 10 * 60_000).toISOString();
export const HOST_SECRET = "canary-host-secret";
const NEVER = new AbortController().signal;

export function describeProviderContract(name: string, openHarness: () => Promise<ProviderHarness>): void {
  describe(`provider contract: ${name}`, () => {
    let harness: ProviderHarness;
    let environment: PreparedEnvironment;
    let runIds: string[] = [];

    beforeAll(async () => {
      harness = await openHarness();
      environment = await harness.provider.prepareEnvironment(harness.environment);
    });
    afterEach(async () => {
      for (const runId of runIds) await harness.provider.destroyRun(runId);
      runIds = [];
    });
    afterAll(() => harness.close());

    async function newRun({ nodes = 2, runId = newRunId() }: { nodes?: number; runId?: string } = {}) {
      runIds.push(runId);
      return sampleRun({ runId, point: { nodes }, environment });
    }

    async function provision(run: RunSpec, provider = harness.provider): Promise<NodeHandle[]> {
      await provider.ensureRun(run, DEADLINE_AT, NEVER);
      const nodes = nodeSpecs(run).map((node) => provider.ensureNode(run, node, NEVER));
      // Not before all have ended, so that none is created after the test has cleaned up.
      await Promise.allSettled(nodes);
      // How long it took is no part of what a node is.
      return (await Promise.all(nodes)).map(({ bootSec: _, ...node }) => node);
    }

    async function resourcesOf({ runId }: RunSpec) {
      const all = await harness.provider.listLabelled();
      return all.filter((resource) => resource.runId === runId);
    }

    test("creates every node, running, with an address of its own", async () => {
      const run = await newRun({ nodes: 3 });
      const nodes = await provision(run);
      expect(nodes.map(({ index }) => index)).toEqual([1, 2, 3]);
      expect(new Set(nodes.map(({ address }) => address)).size).toBe(3);
      expect(await harness.provider.inspectNodes(run, nodes)).toEqual(nodes.map(() => ({ state: "running" })));
      // By this an interrupted run finds out how many of its nodes are left.
      const listed = (await resourcesOf(run)).map(({ node }) => node).filter((node) => node !== undefined);
      expect(listed.toSorted((a, b) => a - b)).toEqual([1, 2, 3]);
    });

    test("adopts what is there when it is asked again", async () => {
      const run = await newRun();
      const nodes = await provision(run);
      const before = await resourcesOf(run);
      expect(await provision(run, harness.otherWorker)).toEqual(nodes);
      expect(await resourcesOf(run)).toEqual(before);
    });

    test("makes each resource once for two workers that come at the same moment", async () => {
      const run = await newRun();
      const [nodes, otherNodes] = await Promise.all([provision(run), provision(run, harness.otherWorker)]);
      expect(otherNodes).toEqual(nodes);
      const kinds = (await resourcesOf(run)).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === "network").length).toBeLessThanOrEqual(1);
      expect(kinds.filter((kind) => kind !== "network")).toHaveLength(2);
    });

    test("gives two runs that start at the same moment addresses of their own", async () => {
      const runs = [await newRun(), await newRun()];
      const nodes = (await Promise.all(runs.map((run) => provision(run)))).flat();
      expect(new Set(nodes.map(({ address }) => address)).size).toBe(4);
    });

    test("refuses a name that somebody else took, and leaves it alone", async () => {
      const run = await newRun();
      const foreign = await harness.makeForeign(`${run.runId}-n2`);
      await expect(provision(run)).rejects.toMatchObject({ kind: "name taken" });
      await harness.provider.destroyRun(run.runId);
      expect(await foreign.exists()).toBe(true);
    });

    test("reports nodes that run, pause, ended and are gone, in the order asked", async () => {
      const run = await newRun({ nodes: 4 });
      const nodes = await provision(run);
      await harness.pause(nodeAt(nodes, 2));
      await harness.kill(nodeAt(nodes, 3));
      await harness.removeFromOutside(nodeAt(nodes, 4));
      const expected = [
        { state: "running" },
        { state: "paused" },
        { state: "exited", exitCode: harness.exitCodeOfKilled === undefined ? 137 : null, outOfMemory: false },
        { state: "missing" },
      ];
      expect(await harness.provider.inspectNodes(run, nodes)).toEqual(expected);
      expect(await harness.provider.inspectNodes(run, nodes.toReversed())).toEqual(expected.toReversed());
    });

    test("never starts a node again that has ended", async () => {
      const run = await newRun();
      const nodes = await provision(run);
      await harness.kill(nodeAt(nodes, 1));
      expect(await provision(run)).toEqual(nodes);
      expect(await harness.provider.inspectNodes(run, nodes)).toMatchObject([
        { state: "exited" },
        { state: "running" },
      ]);
    });

    test("removes everything of a run in every state, and nothing else", async () => {
      const run = await newRun({ nodes: 3 });
      const similar = await newRun({ runId: `${run.runId}0` });
      const nodes = await provision(run);
      const similarNodes = await provision(similar);
      await harness.pause(nodeAt(nodes, 2));
      await harness.kill(nodeAt(nodes, 3));
      const made = await resourcesOf(run);
      expect(await harness.otherWorker.destroyRun(run.runId)).toBe(made.length);
      expect(await resourcesOf(run)).toEqual([]);
      expect(await harness.provider.inspectNodes(similar, similarNodes)).toEqual([
        { state: "running" },
        { state: "running" },
      ]);
      expect(await harness.provider.destroyRun(run.runId)).toBe(0);
    });

    test("removes a run for two workers at the same moment", async () => {
      const run = await newRun();
      await provision(run);
      await Promise.all([harness.provider.destroyRun(run.runId), harness.otherWorker.destroyRun(run.runId)]);
      expect(await resourcesOf(run)).toEqual([]);
    });

    test("labels all it makes with run, host and deadline", async () => {
      const run = await newRun();
      await provision(run);
      const labels = { runId: run.runId, host: run.environment.host, deadlineAt: DEADLINE_AT };
      const resources = await resourcesOf(run);
      expect(resources.length).toBeGreaterThanOrEqual(2);
      for (const resource of resources) expect(resource).toMatchObject(labels);
    });

    test("tells the host the worker's verifier and no password", async () => {
      const run = await newRun();
      const [node] = await provision(run);
      const description = await harness.describe(nodeAt(node ? [node] : [], 1));
      expect(description).toContain(verifierOf(derivePassword(HOST_SECRET, run.runId)));
      expect(description).not.toContain(derivePassword(HOST_SECRET, run.runId));
      expect(description).not.toContain(HOST_SECRET);
    });

    test("hands out what a node printed, and says when the node is gone", async () => {
      const run = await newRun();
      const nodes = await provision(run);
      expect(typeof (await harness.provider.readLogs(run.runId, 1))).toBe("string");
      await harness.removeFromOutside(nodeAt(nodes, 1));
      await expect(harness.provider.readLogs(run.runId, 1)).rejects.toMatchObject({ kind: "node lost" });
    });

    test("names an image that is missing", async () => {
      const wanted = { ...harness.environment, image: harness.missingImage };
      await expect(harness.provider.prepareEnvironment(wanted)).rejects.toMatchObject({
        kind: "image",
        message: expect.stringContaining(harness.missingImage),
      });
    });

    test("creates no node where the image went away after the sweep was planned", async () => {
      const run = await newRun();
      const imageDigest = `sha256:${"f".repeat(64)}`;
      const orphan = { ...run, environment: { ...run.environment, imageDigest } };
      await expect(provision(orphan)).rejects.toMatchObject({ kind: "image" });
      expect((await resourcesOf(run)).filter(({ kind }) => kind !== "network")).toEqual([]);
    });

    test("creates nothing once it is cancelled", async () => {
      const run = await newRun();
      const cancelled = AbortSignal.abort(new Error("cancelled by the test"));
      await expect(harness.provider.ensureRun(run, DEADLINE_AT, cancelled)).rejects.toThrow("cancelled by the test");
      expect(await resourcesOf(run)).toEqual([]);
    });
  });
}

export function newRunId(): string {
  return `contract-${randomBytes(3).toString("hex")}-p1-r1-a1`;
}

export function nodeSpecs(run: RunSpec): NodeSpec[] {
  const workerVerifier = verifierOf(derivePassword(HOST_SECRET, run.runId));
  return Array.from({ length: run.point.nodes }, (_, i) => ({
    index: i + 1,
    deadlineAt: DEADLINE_AT,
    workerVerifier,
    sizing: run.sizing,
  }));
}

function nodeAt(nodes: readonly NodeHandle[], index: number): NodeHandle {
  const node = nodes[index - 1];
  if (!node) throw new Error(`no node ${index}`);
  return node;
}
