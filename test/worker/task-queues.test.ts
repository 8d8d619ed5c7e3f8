import { hostname } from "node:os";
import type { Client } from "@temporalio/client";
import { expect, test } from "vitest";
import { queuesWithoutPoller } from "#worker/task-queues";

/** A server on which this poller was seen so long ago. */
function serverWith(identity: string, agoSec: number): Client {
  const lastAccessTime = { seconds: Math.floor(Date.now() / 1000) - agoSec };
  const describeTaskQueue = () => Promise.resolve({ pollers: [{ identity, lastAccessTime }] });
  return { options: { namespace: "default" }, workflowService: { describeTaskQueue } } as unknown as Client;
}

const HERE = `${process.pid}@${hostname()}`;
/** No process has it. */
const GONE = `4194305@${hostname()}`;

test.for([
  ["a worker elsewhere that polled a minute ago", "1@elsewhere", 60, []],
  ["a worker elsewhere that polled minutes ago", "1@elsewhere", 240, ["meshbench", "store", "host-a"]],
  ["a worker here that was killed minutes ago", GONE, 240, ["meshbench", "store", "host-a"]],
  ["a worker here, by a clock that is minutes ahead of the server's", HERE, 300, []],
  ["the same with a results store", `${HERE}:/home/results`, 300, []],
] as const)("%s leaves these queues unserved", async ([, identity, agoSec, unserved]) => {
  expect(await queuesWithoutPoller(serverWith(identity, agoSec), { hosts: ["a"] })).toEqual(unserved);
});
