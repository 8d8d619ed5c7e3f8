import { expect, test } from "vitest";
import { queueTable } from "#cli/commands/queue";
import { viewOf } from "#model/host-outlook";
import { advance, newHostQueue } from "#model/host-queue";
import type { HostQueueEvent } from "#model/host-queue";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

const requestOf = (owner: string, second: number): HostQueueEvent => ({
  type: "requested",
  owner,
  holder: `run-of-${owner}`,
  priority: 0,
  arrivedAt: at(second),
  estimatedSec: 10,
  laterSec: 0,
});

const tableAfter = (...events: HostQueueEvent[]) => {
  const queue = events.reduce((before, event) => advance(before, event, at(0)).queue, newHostQueue("h", at(0)));
  return queueTable([{ host: "h", queue: viewOf(queue, at(0)) }])
    .split("\n")
    .slice(1);
};

test("a host without a queue is free", () => {
  expect(queueTable([{ host: "h", queue: null }]).split("\n")[1]).toBe("h     free");
});

test("everyone in line has its place, its start and what it waits for", () => {
  const paused: HostQueueEvent = { type: "stoodAside", owner: "a" };
  const lines = tableAfter(
    { type: "proven", left: [] },
    requestOf("x", 0),
    requestOf("a", 1),
    requestOf("b", 2),
    paused,
  );
  expect(lines.map((line) => line.split(/\s{2,}/))).toEqual([
    ["h", "measures", "run-of-x", at(0)],
    ["h", "1", "x", at(10), `its run run-of-x measures since ${at(0)}`],
    ["h", "paused", "run-of-a", at(0), "paused: meshbench resume lets it go on"],
    ["h", "2", "run-of-b", at(0), at(10), `run-of-x has h since ${at(0)}`],
  ]);
});

test("a host that is not clean yet says what is left", () => {
  const [host] = tableAfter(requestOf("a", 0), { type: "proven", left: ["container x", "network y"] });
  expect(host).toMatch(/^h\s+draining\s+\S+Z\s+container x; network y$/);
});
