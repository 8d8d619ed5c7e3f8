import { describe, expect, test } from "vitest";
import { LABEL } from "#model/ids";
import type { EngineEvent } from "#test/chaos/support/engine-events";
import { findOverlapsIn } from "#test/chaos/support/overlaps";

const nodeEvent = (run: string, node: number, action: string, timeMs: number): EngineEvent => ({
  timeMs,
  type: "container",
  action,
  id: `${run}-${node}`,
  attributes: { [LABEL.run]: run },
});
const stay = (run: string, node: number, fromMs: number, toMs?: number): EngineEvent[] => [
  nodeEvent(run, node, "create", fromMs),
  ...(toMs === undefined ? [] : [nodeEvent(run, node, "destroy", toMs)]),
];

describe("two runs on one host", () => {
  test("one after the other are no overlap, whatever their nodes did among themselves", () => {
    expect(findOverlapsIn([...stay("a", 1, 0, 10), ...stay("a", 2, 1, 11), ...stay("b", 1, 12, 20)])).toEqual([]);
  });

  test("are one where a node of the first was there until later", () => {
    const events = [...stay("a", 1, 0, 15), ...stay("a", 2, 1, 9), ...stay("b", 1, 12, 20)];
    expect(findOverlapsIn(events)).toEqual(["b began while a had the host"]);
  });

  test("are one where a node of the first was never removed, once it was at last", () => {
    expect(findOverlapsIn([...stay("a", 1, 0), ...stay("a", 2, 1, 9), ...stay("b", 1, 12, 20)])).toHaveLength(1);
  });

  test("are none where the first came back after the second", () => {
    const events = [...stay("a", 1, 0, 5), ...stay("b", 1, 6, 10), ...stay("a", 2, 11, 15)];
    expect(findOverlapsIn(events)).toEqual([]);
  });
});
