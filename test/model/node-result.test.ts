import { expect, test } from "vitest";
import { parseNodeResult } from "#model/node-result";
import { measuredRun } from "#test/support/measured-run";
import { sampleRun } from "#test/support/sample-run";

async function aResult(): Promise<Record<string, unknown>> {
  const { results } = await measuredRun(sampleRun());
  return { ...results[0] };
}

test("a result comes through as it is, also one that does not tell what was added later", async () => {
  const { mainSec, ...result } = await aResult();
  expect(parseNodeResult(JSON.stringify({ ...result, mainSec }), 1)).toEqual({ ...result, mainSec });
  expect(parseNodeResult(JSON.stringify(result), 1)).toEqual(result);
});

test.for(["elapsedSec", "longestGapMs", "reconnects", "releasedAtMasterUs", "clocksAtEnd", "latenessRemote"])(
  "%s that is no number, or not there, is no result",
  async (field) => {
    const result = await aResult();
    for (const value of [Number.NaN, undefined, "2", {}]) {
      const broken = JSON.stringify({ ...result, [field]: value });
      expect(() => parseNodeResult(broken, 7)).toThrow(
        expect.objectContaining({ kind: "protocol", particulars: { node: 7 } }),
      );
      expect(() => parseNodeResult(broken, 7)).toThrow(new RegExp(`^${field}`));
    }
  },
);

test("a number deep inside counts, too", async () => {
  const {
    clocksAtEnd: [first],
    ...rest
  } = (await aResult()) as { clocksAtEnd: object[] };
  const broken = { ...rest, clocksAtEnd: [{ ...first, databaseUs: Number.NaN }] };
  expect(() => parseNodeResult(JSON.stringify(broken), 1)).toThrow(/^clocksAtEnd\.0\.databaseUs/);
});

test("what is no JSON is no result", () => {
  expect(() => parseNodeResult("{", 1)).toThrow(/^its result/);
});
