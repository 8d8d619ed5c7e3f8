import { expect, test } from "vitest";
import { RemoteHostGuards } from "#activities/guards/host-guards";
import { provisionNodes } from "#activities/provision-nodes";
import { BenchError } from "#model/errors";
import { DEFAULT_GUARDS } from "#model/guards";
import { DEADLINE_AT, HostHarness } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

const run = sampleRun();

class BusyHost extends RemoteHostGuards {
  readonly #calmsDown: boolean;

  constructor(calmsDown: boolean) {
    super(DEFAULT_GUARDS);
    this.#calmsDown = calmsDown;
  }

  override async awaitQuiet(_signal?: AbortSignal, onWait?: (what: string) => void): Promise<void> {
    onWait?.("a quiet host: 63 % foreign CPU");
    if (!this.#calmsDown) throw new BenchError("busy host", "63 % foreign CPU");
  }
}

function provisionOn(host: HostHarness, guards: RemoteHostGuards, report: (progress: object) => void = () => {}) {
  const context = { signal: host.cancellation.signal, attempt: 1, attemptScheduledAtMs: Date.now() };
  return provisionNodes({ ...host.dependencies, guards }, { run, deadlineAt: DEADLINE_AT }, context, report);
}

test("whoever follows a run sees that it waits for a quiet host, and how loud it is", async () => {
  using host = new HostHarness();
  const progress: object[] = [];
  const { nodes } = await provisionOn(host, new BusyHost(true), (one) => progress.push(one));
  expect(nodes).toHaveLength(2);
  expect(progress[0]).toEqual({ nodesDone: 0, waitingFor: "a quiet host: 63 % foreign CPU" });
  expect(progress.at(-1)).not.toHaveProperty("waitingFor");
});

test("on a host that stays loud no node is created", async () => {
  using host = new HostHarness();
  await expect(provisionOn(host, new BusyHost(false))).rejects.toMatchObject({ kind: "busy host" });
  expect(host.provider.host.nodesMade).toBe(0);
  await host.activities.destroyNodes({ runId: run.runId });
  expect(await host.provider.listLabelled()).toEqual([]);
});
