import { describe, expect, test } from "vitest";
import { currentEra } from "#model/nightly-history";
import { doubtsOf, imagesKept, openRegressions, undecidedVerdict } from "#model/nightly-verdict";
import { dateOf, imageOf, liveThrough, sampleNightly, shaOf, type World } from "#test/model/nightly-fixture";

const from =
  (first: number, then: number, before = 0.5) =>
  (n: number) =>
    n >= first ? then : before;
const newKernel = (n: number) => ({ kernel: n >= 14 ? "6.2" : "6.1" });
const causesOf = ({ nights }: ReturnType<typeof liveThrough>) =>
  nights.flatMap(({ verdict }) => verdict?.findings.map(({ cause, change }) => `${change}: ${cause}`) ?? []);

test("nights that only wobble raise no doubt and are measured once", () => {
  const { nights, confirmations } = liveThrough(30, { code: () => 0.5 });
  expect(confirmations).toEqual([]);
  expect(nights.every(({ verdict }) => verdict?.regressions.length === 0)).toBe(true);
});

describe("a commit that makes it slower", () => {
  const story = liveThrough(16, { code: from(12, 2) });

  test("is found the night after, by the code, between the commits of the two nights", () => {
    expect(story.confirmations).toEqual([13]);
    const [finding, ...others] = story.verdictOn(13).findings;
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      change: "worse",
      cause: "code",
      series: { column: "deviation_pct" },
      lastBefore: { date: dateOf(11), sourceSha: shaOf(11) },
      firstAfter: { date: dateOf(12), sourceSha: shaOf(12) },
      besideBaseline: { differs: true },
      baselineItself: { differs: false },
    });
    expect(finding?.before).toBeCloseTo(0.5, 1);
    expect(finding?.after).toBeCloseTo(2, 1);
  });

  test("stays one regression, and is not measured again every night", () => {
    expect(story.verdictOn(16).regressions).toHaveLength(1);
    expect(causesOf(story)).toEqual(["worse: code"]);
  });
});

describe("a repaired regression", () => {
  const story = liveThrough(22, { code: (n) => (n >= 12 && n < 17 ? 2 : 0.5) });

  test("is over once it is as good as the baseline beside it, and then it is no gain", () => {
    expect(story.verdictOn(16).regressions).toHaveLength(1);
    expect(story.verdictOn(17).recovered).toHaveLength(1);
    expect(story.verdictOn(17).regressions).toEqual([]);
    expect(openRegressions(story.nights)).toEqual([]);
    expect(causesOf(story)).toEqual(["worse: code"]);
  });

  test("is not over by one lucky night", () => {
    const lucky = liveThrough(16, { code: from(10, 2), outlier: (n) => (n === 14 ? -1.5 : 0) });
    expect(lucky.confirmations).toContain(14);
    expect(lucky.verdictOn(14).recovered).toEqual([]);
    expect(openRegressions(lucky.nights)).toHaveLength(1);
  });
});

describe("a machine that became slower", () => {
  const drift: World = { code: () => 0.5, machine: from(12, 1.5, 0) };

  test("is told from the code by the baseline, which came out slower too", () => {
    const story = liveThrough(16, drift);
    expect(causesOf(story)).toEqual(["worse: environment"]);
    expect(story.verdictOn(13).findings[0]).toMatchObject({
      besideBaseline: { differs: false },
      baselineItself: { differs: true },
    });
    expect(openRegressions(story.nights)).toEqual([]);
  });

  test("begins a new series, in which a regression of the code is found again", () => {
    const story = liveThrough(30, { ...drift, code: from(24, 2.5) });
    expect(currentEra(story.nights).nights[0]?.date).toBe(dateOf(12));
    expect(currentEra(story.nights).because).toEqual(["the baseline itself came out different"]);
    expect(causesOf(story)).toEqual(["worse: environment", "worse: code"]);
  });

  test("and says so in its facts begins a new series at once, without any doubt", () => {
    const story = liveThrough(18, { ...drift, facts: (n) => ({ kernel: n >= 12 ? "6.2" : "6.1" }) });
    expect(story.confirmations).toEqual([]);
    expect(currentEra(story.nights)).toMatchObject({ because: ["containers kernel: 6.1 → 6.2"] });
    expect(currentEra(story.nights).nights).toHaveLength(7);
  });
});

test("a regression stays open over a change of the environment, against the baseline it had", () => {
  const story = liveThrough(20, {
    code: (n) => (n >= 10 && n < 18 ? 2 : 0.5),
    machine: from(14, 1, 0),
    facts: newKernel,
  });
  expect(story.verdictOn(14).regressions).toMatchObject([{ baseline: { sourceSha: shaOf(1) }, checkedOn: dateOf(14) }]);
  expect(story.confirmations).not.toContain(15);
  expect(story.verdictOn(18).recovered).toHaveLength(1);
});

test("one slow night is no change", () => {
  const story = liveThrough(24, { code: () => 0.5, outlier: (n) => (n === 12 ? 5 : 0) });
  expect(causesOf(story)).toEqual([]);
});

test("a doubt that turns out to be chance is looked into twice, not every night", () => {
  const story = liveThrough(20, { code: () => 0.5, outlier: (n) => (n >= 12 ? 1 : 0) });
  expect(causesOf(story)).toEqual(["worse: chance", "worse: chance"]);
  expect(openRegressions(story.nights)).toEqual([]);
});

describe("a commit that makes it faster", () => {
  test("is confirmed, opens nothing, and is the baseline from then on: to lose the gain again is a regression", () => {
    const story = liveThrough(26, { code: (n) => (n >= 10 && n < 20 ? 0.5 : 2) });
    expect(causesOf(story)).toEqual(["better: code", "worse: code"]);
    expect(story.verdictOn(19).regressions).toEqual([]);
    expect(openRegressions(story.nights)).toMatchObject([{ baseline: { sourceSha: shaOf(10) } }]);
  });
});

test("nights without a measurement are no nights: the bracket reaches over them", () => {
  const story = liveThrough(18, { code: from(13, 2), missed: [12, 13, 5] });
  expect(story.verdictOn(15).findings[0]).toMatchObject({
    cause: "code",
    lastBefore: { date: dateOf(11) },
    firstAfter: { date: dateOf(14) },
  });
});

test("a change smaller than anyone wants to hear of is left alone", () => {
  const nightly = sampleNightly({ least: { deviation_pct: 5, lateness_remote_p99_ms: 5 } });
  expect(liveThrough(18, { code: from(12, 2) }, nightly).confirmations).toEqual([]);
});

test("what could not be confirmed is in doubt again the next night", () => {
  const { nights } = liveThrough(12, { code: from(12, 2) });
  const next = liveThrough(13, { code: from(12, 2) }).nights.at(-1);
  const unjudged = { ...next!, verdict: undefined } as never;
  expect(doubtsOf(sampleNightly(), [...nights, unjudged]).suspicions).toHaveLength(1);
  const undecided = { ...next!, verdict: undecidedVerdict(nights, "no image") };
  const later = { ...next!, date: dateOf(14), verdict: undefined } as never;
  expect(doubtsOf(sampleNightly(), [...nights, undecided, later]).suspicions).toHaveLength(1);
});

test("images that the next night may be held against are kept: the first night's, a gain's, an open regression's", () => {
  expect(imagesKept(liveThrough(5, { code: () => 0.5 }).nights)).toEqual([imageOf(shaOf(1))]);
  const lostAgain = liveThrough(26, { code: (n) => (n >= 10 && n < 20 ? 0.5 : 2) });
  expect(imagesKept(lostAgain.nights)).toEqual([imageOf(shaOf(10))]);
  const moved = liveThrough(15, { code: from(10, 2), facts: newKernel });
  expect(imagesKept(moved.nights)).toEqual([imageOf(shaOf(14)), imageOf(shaOf(1))]);
});

test("a baseline that was given stays, whatever is gained", () => {
  const sha = shaOf(3);
  const nightly = sampleNightly({ baseline: { kind: "commit", sha } });
  const story = liveThrough(14, { code: from(12, 2) }, nightly);
  expect(openRegressions(story.nights)).toMatchObject([{ baseline: { sourceSha: sha } }]);
});
