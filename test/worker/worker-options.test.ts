import type { WorkerOptions } from "@temporalio/worker";
import { beforeEach, expect, test, vi } from "vitest";
import { hostQueueName, WORKFLOW_QUEUE } from "#model/ids";
import { serve } from "#worker/worker";

const { created } = vi.hoisted(() => ({ created: [] as WorkerOptions[] }));

vi.mock("@temporalio/worker", async (original) => ({
  ...(await original<object>()),
  Runtime: { install: () => {} },
  NativeConnection: { connect: async () => ({ close: async () => {} }) },
  Worker: {
    create: async (options: WorkerOptions) => {
      created.push(options);
      return { run: async () => {}, getState: () => "STOPPED" };
    },
  },
}));

beforeEach(() => {
  created.length = 0;
});

test("however many workflows are open, a worker keeps few of them in memory (F14)", async () => {
  const settings = { address: "", namespace: "default", connectionOptions: { address: "" } };
  const activities = { hosts: new Map([["here", {} as never]]), temporal: {} as never };
  await serve(settings, activities, { onReady: () => {}, until: new Promise(() => {}) });
  const options = new Map(created.map((one) => [one.taskQueue, one]));
  const cached = options.get(WORKFLOW_QUEUE)?.maxCachedWorkflows;
  expect(cached).toBeGreaterThanOrEqual(10);
  expect(cached).toBeLessThanOrEqual(100);
  // Those that run no workflows cache none.
  expect(options.get(hostQueueName("here"))).not.toHaveProperty("workflowsPath");
});
