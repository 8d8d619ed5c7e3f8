import type { Client } from "@temporalio/client";
import proto from "@temporalio/proto";
import { expect, test } from "vitest";
import { findFailingWorkflows } from "#worker/failing-workflows";

const { EventType } = proto.temporal.api.enums.v1;

interface Standing {
  readonly newest: object;
  /** Of its pending task. */
  readonly attempt?: number;
}

/** A server with one open workflow of each name. */
function serverWith(workflows: Readonly<Record<string, Standing>>): Client {
  const standing = (request: { execution: { workflowId: string } }) => workflows[request.execution.workflowId]!;
  return {
    options: { namespace: "default" },
    workflow: { list: () => Object.keys(workflows).map((workflowId) => ({ workflowId })) },
    workflowService: {
      getWorkflowExecutionHistoryReverse: async (request: Parameters<typeof standing>[0]) => ({
        history: { events: [standing(request).newest] },
      }),
      describeWorkflowExecution: async (request: Parameters<typeof standing>[0]) => ({
        pendingWorkflowTask: { attempt: standing(request).attempt },
      }),
    },
  } as unknown as Client;
}

const TIMED_OUT = { eventType: EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT };

test("a workflow whose code throws is failing, and its reason is told with the kind of error", async () => {
  const failure = { message: "x is not a function\nand more", stackTrace: "TypeError: x is not a function\n  at f" };
  const newest = {
    eventType: EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED,
    workflowTaskFailedEventAttributes: { failure },
  };
  const server = serverWith({ broken: { newest }, well: { newest: { eventType: 1 } } });
  const why = "TypeError: x is not a function";
  expect(await findFailingWorkflows(server)).toEqual([{ workflowId: "broken", why }]);
});

test("one whose task times out again and again is failing as well; one whose worker was killed over it is not", async () => {
  const server = serverWith({ stuck: { newest: TIMED_OUT, attempt: 4 }, waiting: { newest: TIMED_OUT, attempt: 2 } });
  expect(await findFailingWorkflows(server)).toEqual([
    { workflowId: "stuck", why: expect.stringContaining("timed out 3 times") },
  ]);
});
