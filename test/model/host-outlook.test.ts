import { expect, test } from "vitest";
import { prospectsOf } from "#model/host-outlook";
import { advance, newHostQueue } from "#model/host-queue";
import type { HostQueue, HostQueueEvent, HostRequest } from "#model/host-queue";

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

function requestOf(owner: string, parts: Partial<HostRequest> = {}): HostQueueEvent {
  const request = { owner, holder: `${owner}-1`, priority: 0, arrivedAt: at(0), estimatedSec: 10, laterSec: 20 };
  return { type: "requested", ...request, ...parts };
}

const PROVEN: HostQueueEvent = { type: "proven", left: [] };

const play = (events: readonly HostQueueEvent[]): HostQueue =>
  events.reduce((queue, event, i) => advance(queue, event, at(i)).queue, newHostQueue("h", at(0)));

test("whoever waits starts when all before it are done, by their estimates", () => {
  const queue = play([
    requestOf("a"),
    PROVEN,
    requestOf("b", { arrivedAt: at(2) }),
    requestOf("c", { arrivedAt: at(3) }),
  ]);
  expect(prospectsOf(queue, at(5))).toEqual([
    { owner: "a", position: 1, waitingFor: `its run a-1 measures since ${at(1)}`, estimatedStartAt: at(11) },
    {
      owner: "b",
      holder: "b-1",
      position: 2,
      waitingFor: `a-1 has h since ${at(1)}`,
      estimatedStartAt: at(31),
    },
    { owner: "c", holder: "c-1", position: 3, waitingFor: `a-1 has h since ${at(1)}`, estimatedStartAt: at(61) },
  ]);
});

test("a run that takes longer than its estimate may end at any moment", () => {
  const queue = play([requestOf("a"), PROVEN, requestOf("b", { priority: 1 })]);
  expect(prospectsOf(queue, at(40))[0]).toMatchObject({ owner: "b", estimatedStartAt: at(40) });
});

test("while something is left on the host nobody can tell when it starts, and the reason names it", () => {
  const queue = play([requestOf("a"), { type: "proven", left: ["container x", "network y"] }]);
  expect(prospectsOf(queue, at(9))).toEqual([
    {
      owner: "a",
      holder: "a-1",
      position: 1,
      waitingFor: `h is being proven clean since ${at(0)}, still there: container x; network y`,
    },
  ]);
});

test("a paused sweep has no position and holds up nobody", () => {
  const queue = play([requestOf("a"), requestOf("b", { arrivedAt: at(1) }), { type: "stoodAside", owner: "a" }]);
  expect(prospectsOf(queue, at(9))).toMatchObject([
    { owner: "a", waitingFor: expect.stringMatching(/^paused/) },
    { owner: "b", position: 1, estimatedStartAt: at(9) },
  ]);
});

test("between two runs of a sweep the next one waits for its next run", () => {
  const between = play([
    requestOf("a"),
    PROVEN,
    { type: "released", holder: "a-1" },
    PROVEN,
    requestOf("b", { arrivedAt: at(1) }),
  ]);
  expect(prospectsOf(between, at(9)).map(({ waitingFor }) => waitingFor)).toEqual([
    "its own next run, which is about to begin",
    "a is between two of its runs",
  ]);
});
