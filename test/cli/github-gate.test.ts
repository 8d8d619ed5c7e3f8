import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readOrder } from "#cli/github/comment-order";
import { gateComment } from "#cli/github/gate";
import { GithubDouble, JOB_TOKEN } from "#test/support/github/github-double";
import { OutageClock } from "#test/support/github/github-outage";
import { TempDir } from "#test/support/temp-dir";

const [HEAD, BASE] = ["a", "b"].map((digit) => digit.repeat(40)) as [string, string];
let github: GithubDouble;
let dir: TempDir;
/** So that the second between two writes takes none. */
let clock: OutageClock;

beforeEach(async () => {
  github = await GithubDouble.start();
  clock = new OutageClock();
  dir = new TempDir();
  github.pulls.set(7, { number: 7, headSha: HEAD, baseSha: BASE, mergeBaseSha: BASE });
  github.permissions.set("ada", "write").set("bob", "read");
});

afterEach(async () => {
  clock[Symbol.dispose]();
  dir[Symbol.dispose]();
  await github.stop();
});

/** Runs the gate's job. @returns Its outputs. */
async function gate(event: object): Promise<{ verdict: string; order: string }> {
  writeFileSync(dir.join("event.json"), JSON.stringify(event));
  writeFileSync(dir.join("output"), "");
  const env = {
    GITHUB_EVENT_PATH: dir.join("event.json"),
    GITHUB_OUTPUT: dir.join("output"),
    GITHUB_TOKEN: JOB_TOKEN,
    GITHUB_API_URL: github.url,
  };
  await clock.run(gateComment(env));
  const output = readFileSync(dir.join("output"), "utf8");
  const valueOf = (name: string) => new RegExp(`^${name}<<(\\S+)\\n([^]*?)\\n\\1$`, "m").exec(output)?.[2] ?? "";
  return { verdict: valueOf("verdict"), order: valueOf("order") };
}

const specText = (environment: string): string =>
  `version: 1\nname: mine\nenvironments: { ${environment}: { provider: docker, cpus: 1, memory: 512MiB } }\nmatrix: { nodes: [2] }\nrate: 600\nduration: 30s\nseed: 1\n`;

describe("the gate's job", () => {
  test("hands the bench an order with the head pinned, and shows at once that it has seen the comment", async () => {
    const event = github.comment(7, "ada", "/bench run quick nodes=2");
    const { verdict, order } = await gate(event);
    expect(verdict).toBe("go");
    expect(readOrder(order)).toMatchObject({
      request: { pullRequest: { number: 7 }, author: "ada", headSha: HEAD },
      command: { verb: "run", spec: "quick", set: ["nodes=2"] },
    });
    expect(github.reactions).toEqual([{ commentId: event.comment.id, content: "eyes" }]);
    expect(github.ours("")).toEqual([]);
  });

  test("says no once to somebody without write access, with what was found and what is needed", async () => {
    const event = github.comment(7, "bob", "/bench run quick");
    expect((await gate(event)).verdict).toBe("refuse");
    expect(await gate(event)).toEqual({ verdict: "refuse", order: "" });
    const [answer, ...more] = github.ours("refusal");
    expect(answer?.body).toContain("permission found: read; needed: write");
    expect(more).toEqual([]);
    expect(github.reactions).toEqual([{ commentId: event.comment.id, content: "confused" }]);
  });

  test("takes somebody whom GitHub does not know for somebody without permission", async () => {
    await gate(github.comment(7, "mallory", "/bench run quick"));
    expect(github.ours("refusal")[0]?.body).toContain("permission found: none");
  });

  test("does not ask GitHub a thing about comments that are not for us", async () => {
    expect((await gate(github.comment(7, "ada", "looks good"))).verdict).toBe("ignore");
    expect((await gate(github.comment(7, "renovate[bot]", "/bench run quick", { isBot: true }))).verdict).toBe(
      "ignore",
    );
    const edited = { ...github.comment(7, "ada", "/bench run quick"), action: "edited" };
    expect((await gate(edited)).verdict).toBe("ignore");
    expect(github.requests).toEqual([]);
  });

  test("reads a spec of the repository at the pinned commit, not at the branch", async () => {
    github.files.set(`${HEAD}:bench/mine.yaml`, specText("con"));
    const { order, verdict } = await gate(github.comment(7, "ada", "/bench run bench/mine.yaml"));
    expect(verdict).toBe("go");
    expect(readOrder(order).specText).toContain("name: mine");
  });

  test("answers mistakes in the spec and in the parameters all at once, by the spec's own validator", async () => {
    await gate(github.comment(7, "ada", "/bench run quick nodez=4 rate=0 repetitions=10001"));
    const [answer] = github.ours("refusal");
    expect(answer?.body).toMatch(/nodez.*did you mean nodes/);
    expect(answer?.body).toMatch(/rate: got 0/);
    expect(answer?.body).toMatch(/repetitions: got 10001/);
  });

  test("names the presets where the spec is neither one nor a file", async () => {
    await gate(github.comment(7, "ada", "/bench run bench/none.yaml"));
    expect(github.ours("refusal")[0]?.body).toMatch(/neither a preset nor a file.*presets: quick/s);
  });

  test("says so where a spec is right, but not once head and base are measured", async () => {
    github.files.set(`${HEAD}:bench/mine.yaml`, specText("e".repeat(28)));
    await gate(github.comment(7, "ada", "/bench run bench/mine.yaml"));
    expect(github.ours("refusal")[0]?.body).toMatch(/at most 27 characters where commits are compared/);
  });

  test("counts the runs of head and base", async () => {
    const many = "/bench run quick nodes=2 repetitions=200";
    await gate(github.comment(7, "ada", many));
    expect(github.ours("refusal")[0]?.body).toMatch(/matrix: got "400 runs of each commit"; 800 runs > 500/);
    expect((await gate(github.comment(7, "ada", `${many} vs=none`))).verdict).toBe("go");
  });

  test.each([
    ["as a file", 110_000, "#"],
    ["in JSON", 60_000, '"'],
  ])("refuses a spec that is too large %s for the environment of the bench's job", async (_, characters, filler) => {
    const comment = `# ${filler.repeat(characters)}\n`;
    github.files.set(`${HEAD}:bench/mine.yaml`, comment + specText("con"));
    const { verdict, order } = await gate(github.comment(7, "ada", "/bench run bench/mine.yaml"));
    expect([verdict, order]).toEqual(["refuse", ""]);
    expect(github.ours("refusal")[0]?.body).toMatch(/at most 102400/);
  });

  test.each([403, 404])("goes on where its reaction is answered %d", async (status) => {
    github.disturb = (_method, path) => (path.endsWith("/reactions") ? { status } : undefined);
    expect((await gate(github.comment(7, "ada", "/bench run quick"))).verdict).toBe("go");
  });

  test("shows hostile text as text", async () => {
    await gate(github.comment(7, "ada", "/bench run name=$(id) `x` ${{ github.token }} @everyone"));
    const [answer] = github.ours("refusal");
    expect(answer?.body).toMatch(/```text\n[^]*unknown characters[^]*```/);
    expect(answer?.body).not.toMatch(/^@everyone/m);
  });
});

test("an order from anywhere else is refused: it passes the comment's grammar again", () => {
  const order = {
    request: {
      pullRequest: { repository: { owner: "o", name: "r" }, number: 1 },
      commentId: 1,
      author: "ada",
      headSha: HEAD,
    },
    command: { verb: "run", spec: "quick", set: ["nodes=2"], versus: { kind: "base" }, priority: 0 },
  };
  expect(readOrder(JSON.stringify(order)).command).toEqual(order.command);
  for (const command of [
    { ...order.command, spec: "../x" },
    { ...order.command, set: ["a=$(id)"] },
    { ...order.command, versus: { kind: "sha", sha: "; rm" } },
    { verb: "cancel", sweep: "--help" },
  ]) {
    expect(() => readOrder(JSON.stringify({ ...order, command }))).toThrow(/error: /);
  }
  expect(() => readOrder("{}")).toThrow(/no order of meshbench github gate/);
  expect(() => readOrder(JSON.stringify({ ...order, more: 1 }))).toThrow(/no order/);
});
