import { expect, test } from "vitest";
import type { RunGuards } from "#model/guards";
import type { RunRow } from "#model/result-row";
import { watchNoteOf } from "#model/run-notes";

const rowOf = (mainSec: number | null) => ({ main_s: mainSec }) as RunRow;
const sampled = (sampledSec: number) => ({ sampledSec }) as RunGuards;

test("a run whose host was watched for a part of its main loop only says so", () => {
  expect(watchNoteOf(rowOf(60), sampled(21.6))).toBe(
    "its host was watched for 22 of the main loop's 60 s; what others did in the rest is not known",
  );
});

const silent: [string, number | null, RunGuards | undefined][] = [
  ["for all of it", 60, sampled(61)],
  ["but for the time between two polls", 3, sampled(1.5)],
  ["but for less than a tenth", 60, sampled(54.5)],
  ["by nobody, being elsewhere", 60, "not sampled"],
  ["in vain, which its reason says", 60, "samples lost"],
  ["by a version without guards", 60, undefined],
  ["before its main loop failed", null, sampled(1)],
];
test.for(silent)("nothing is said of a host that was watched %s", ([, mainSec, guards]) => {
  expect(watchNoteOf(rowOf(mainSec), guards)).toBeUndefined();
});
