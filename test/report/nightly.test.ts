import { describe, expect, test } from "vitest";
import { LEAST_CHANGE } from "#model/nightly";
import { formatNightly, nightlyDocument, nightlyState, regressionIssue, sparkline } from "#report/nightly";
import { dateOf, liveThrough, shaOf } from "#test/model/nightly-fixture";

const regressed = liveThrough(16, { code: (n) => (n >= 12 ? 2 : 0.5) }).nights;
const recovered = liveThrough(20, { code: (n) => (n >= 12 && n < 17 ? 2 : 0.5) }).nights;
const view = { name: "paper", schedule: "quick, 17 3 * * * UTC", nextAt: "2026-11-17T03:17:00.000Z", missed: [] };

const PAPER = { name: "paper", least: LEAST_CHANGE };
const newKernel = (n: number) => ({ kernel: n >= 8 ? "6.2" : "6.1" });

describe("the trend", () => {
  test("of a regression names its nights, its commits and what it was measured beside", () => {
    const text = formatNightly({ ...view, nights: regressed });
    expect(text).toContain("paper: quick, 17 3 * * * UTC; next 2026-11-17T03:17:00.000Z");
    const [before, after] = [shaOf(11), shaOf(12)].map((sha) => sha.slice(0, 12));
    expect(text).toContain(`REGRESSION since ${dateOf(12)}, commits ${before}..${after}`);
    expect(text).toMatch(/deviation % 0\.\d+ → 2\.\d+; measured again: 2\.\d+ beside 0\.\d+ of the baseline/);
    expect(text).toMatch(/deviation % +[▁▂]{11}[▇█]{5} +2\.\d+ +0\.\d+ +2026-11-12 worse, 0\.\d+ → 2\.\d+: the code/);
  });

  test("shows nights without a figure as gaps, and says which were missed, failed or are under way", () => {
    const nights = regressed.filter(({ date }) => date !== dateOf(4));
    const failed = { ...nights[5]!, points: [], status: "FAILED", reason: "image: no image\u001b[31m" } as const;
    const open = {
      ...nights.at(-1)!,
      date: dateOf(17),
      points: [],
      status: "OPEN",
      sweepId: "nightly-paper-x",
    } as const;
    const text = formatNightly({
      ...view,
      nights: [...nights.slice(0, 5), failed, ...nights.slice(6), open],
      missed: [dateOf(4)],
    });
    expect(text).toMatch(/deviation % +[▁▂]{3}·[▁▂]{2}·[▁▂]{4}[▇█]{5}·/);
    expect(text).toContain(`missed: ${dateOf(4)}`);
    expect(text).toContain(`failed: ${failed.date}, image: no image�[31m`);
    expect(text).toContain(`under way: ${dateOf(17)}, meshbench watch nightly-paper-x`);
  });

  test("does not call a night calm that measured nothing, nor one under way that was terminated", () => {
    const [first, second, third, ...rest] = regressed;
    const empty = {
      ...second!,
      points: second!.points.map(({ factors }) => ({ factors, medians: {} })),
      sweepId: "nothing",
    };
    const nights = [first!, empty, { ...third!, status: "OPEN" } as const, ...rest];
    const text = formatNightly({ ...view, nights });
    expect(text).toContain(`no figures: ${dateOf(2)}, meshbench report nothing`);
    expect(text).toContain(`broke off: ${dateOf(3)}, its workflow ended without a word`);
  });

  test("says since when nights are compared, and what of the environment changed then", () => {
    const { nights } = liveThrough(12, { code: () => 0.5, facts: newKernel });
    expect(formatNightly({ ...view, nights })).toContain(
      `compared since ${dateOf(8)}: the environment changed (containers kernel: 6.1 → 6.2)`,
    );
  });

  test.each(["tcg", "simulated"])("and the issue say that %s is no VM", (isolation) => {
    const nights = regressed.map((night) => ({ ...night, setting: { ...night.setting, "vms isolation": isolation } }));
    const remark = `vms is ${isolation}: no conclusion about VMs`;
    expect(formatNightly({ ...view, nights })).toContain(remark);
    expect(regressionIssue(PAPER, nights)?.body).toContain(remark);
    expect(formatNightly({ ...view, nights: regressed })).not.toContain("no conclusion about VMs");
  });

  test("is there before the first night", () => {
    expect(formatNightly({ ...view, nights: [] })).toBe(
      "paper: quick, 17 3 * * * UTC; next 2026-11-17T03:17:00.000Z\nno night yet",
    );
    expect(nightlyState({ nights: recovered })).toBe("no regression, 20 nights judged");
    expect(formatNightly({ ...view, nights: recovered })).toContain(`: the code; recovered ${dateOf(17)}`);
  });

  test("is the same for scripts", () => {
    const document = JSON.parse(JSON.stringify(nightlyDocument({ ...view, nights: regressed })));
    expect(document).toMatchObject({ name: "paper", paused: false, missed: [], regressions: [{ cause: "code" }] });
    expect(document.nights).toHaveLength(16);
    expect(document.nights[0]).toMatchObject({ date: dateOf(1), source_sha: shaOf(1), points: [{ nodes: 2 }] });
  });
});

describe("a sparkline", () => {
  test.for([
    [[1, 2, 3], 0, "▁▅█"],
    [[1, undefined, 3], 0, "▁·█"],
    [[1, 1.01, 1], 1, "▁▁▁"],
    [[2, 2], 0, "▁▁"],
    [[], 0, ""],
  ] as const)("of %j, where less than %i is nothing: %s", ([values, least, line]) => {
    expect(sparkline(values, least)).toBe(line);
  });
});

describe("the issue of a regression", () => {
  test("is open as long as it is, with the bracketing commits whole", () => {
    const issue = regressionIssue(PAPER, regressed)!;
    expect(issue).toMatchObject({
      key: `nightly:paper:${dateOf(13)}`,
      isOpen: true,
      title: `Nightly paper: worse since ${dateOf(12)}`,
    });
    expect(issue.body).toContain(`${shaOf(11)}...${shaOf(12)}`);
    expect(issue.body).toMatch(/^❌ \*\*Worse since/);
  });

  test("is the same one when it is over, closed and with the night", () => {
    const issue = regressionIssue(PAPER, recovered)!;
    expect(issue).toMatchObject({ key: regressionIssue(PAPER, regressed)!.key, isOpen: false });
    expect(issue.body).toContain(`**Recovered** on ${dateOf(17)}, commit ${shaOf(17)}`);
  });

  test("is none where nothing was lost, by the code, for good", () => {
    expect(regressionIssue(PAPER, liveThrough(12, { code: () => 0.5 }).nights)).toBeUndefined();
    const drift = liveThrough(16, { code: () => 0.5, machine: (n) => (n >= 10 ? 2 : 0) });
    expect(regressionIssue(PAPER, drift.nights)).toBeUndefined();
  });
});
