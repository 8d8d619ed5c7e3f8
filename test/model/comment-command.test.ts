import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COMMENT_HELP, parseComment } from "#model/comment-command";
import { InputError } from "#model/errors";

const SHA = "0123456789abcdef0123456789abcdef01234567";

function refusalOf(body: string): string {
  try {
    parseComment(body);
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  throw new Error(`accepted: ${body}`);
}

describe("a comment", () => {
  test.each([
    ["", "nothing"],
    ["a word about /bench run quick", "a mention in a sentence"],
    ["thanks!\n/bench run quick", "a second line"],
    ["> /bench run quick", "a quote"],
    ["```\n/bench run quick\n```", "a block of code"],
    ["    /bench run quick", "code by indentation"],
    ["\t/bench run quick", "code by a tab"],
    ["`/bench run quick`", "code in a line"],
    ["<!-- /bench run quick -->", "a hidden text"],
    ["/benchmark run quick", "another word"],
    ["/bench-run quick", "another word with a hyphen"],
    ["/Bench run quick", "other letters"],
  ])("%j asks nothing of us: %s", (body) => {
    expect(parseComment(body)).toBeUndefined();
  });

  test("is read to its first line that is not blank, and no further", () => {
    const body = "\n  \r\n /bench status\r\n/bench cancel\n```\n/bench run quick";
    expect(parseComment(body)).toEqual({ verb: "status" });
  });

  test.each([
    ["/bench", { verb: "help" }],
    ["/bench help", { verb: "help" }],
    ["/bench queue", { verb: "queue" }],
    ["/bench cancel quick-20261123-a1b2c3", { verb: "cancel", sweep: "quick-20261123-a1b2c3" }],
    ["/bench retry invalid", { verb: "retry", only: "INVALID" }],
    ["/bench retry failed s-1", { verb: "retry", only: "FAILED", sweep: "s-1" }],
    ["/bench compare s-1 s-2:vms", { verb: "compare", a: "s-1", b: "s-2:vms" }],
    ["/bench run quick", { verb: "run", spec: "quick", set: [], versus: { kind: "base" }, priority: 0 }],
    [
      `/bench  run  bench/mesh.yaml  nodes=2,4 rate=6000 environments.vms.memory=2GiB vs=${SHA} prio=5 sha=${SHA} env=a,b`,
      {
        verb: "run",
        spec: "bench/mesh.yaml",
        set: ["nodes=2,4", "rate=6000", "environments.vms.memory=2GiB"],
        env: ["a", "b"],
        versus: { kind: "sha", sha: SHA },
        priority: 5,
        sha: SHA,
      },
    ],
    ["/bench plan quick vs=none", { verb: "plan", spec: "quick", set: [], versus: { kind: "none" }, priority: 0 }],
  ])("%j is understood", (body, command) => {
    expect(parseComment(body)).toEqual(command);
  });
});

describe("a comment's command is refused with what is wrong", () => {
  test.each([
    ["/bench resum quick", /unknown command; did you mean resume; known: run, plan/],
    ["/bench run", /needs a preset's name or the path of a spec/],
    ["/bench run nodes=4", /needs a preset's name/],
    ["/bench run ../../etc/passwd", /no \.\., no absolute path/],
    ["/bench run /etc/passwd", /no absolute path/],
    ["/bench run quick nodes", /nodes.*must be key=value/],
    ["/bench run quick nodes=15 nodes=20", /nodes: got \["15","20"\]; duplicate parameter/],
    ["/bench run quick limits.nodes=100000", /limits\.nodes.*operator-only/],
    ["/bench run quick vs=yesterday", /vs.*must be base, nightly, none or a commit/],
    ["/bench run quick sha=abc123", /sha.*40 digits/],
    ["/bench run quick prio=high", /prio.*-999\.\.999/],
    ["/bench run quick image=mysql:latest", /image.*repository digest/],
    ["/bench retry everything", /must be one of failed, suspect, invalid/],
    ["/bench cancel a b", /wrong number of words; \/bench status\|pause\|resume\|cancel \[SWEEP\]/],
    ["/bench compare a", /wrong number of words/],
    ["/bench status ../x", /must be the id of one sweep/],
    ["/bench run quick name=$(id) `x` ${{ github.token }}", /unknown characters/],
    ["/bench run quick name=a;rm", /unknown characters/],
    [`/bench run ${"a".repeat(2000)}`, /at most 1000 characters/],
    ["/bench run quick nodes=4\u202E", /unknown characters/],
  ])("%j", (body, message) => {
    expect(refusalOf(body)).toMatch(message);
  });

  test("all at once", () => {
    const lines = refusalOf("/bench run quick nodes nodes=1 nodes=2 prio=x vs=y").split("\n");
    expect(lines).toHaveLength(4);
  });

  test("and with nothing in it that a terminal or a page would act on", () => {
    expect(refusalOf("/bench run \u001B[2J\u0007<script>")).not.toMatch(/\p{Cc}/u);
  });
});

/** The command as JSON, or "" where there is none. Anything but a refusal is a bug and comes out. */
function commandOf(body: string): string {
  try {
    return JSON.stringify(parseComment(body) ?? "");
  } catch (error) {
    if (error instanceof InputError) return "";
    throw error;
  }
}

test("whatever is written, a command of plain words comes out, or a refusal", () => {
  const texts = fc.string({ unit: "binary", maxLength: 80 });
  const isPlain = fc.property(texts, (text) => !/[$`;|&<>()'\\]/.test(commandOf(`/bench run quick ${text}`)));
  expect(() => fc.assert(isPlain, { numRuns: 50 })).not.toThrow();
});

test("the help names every command", () => {
  for (const verb of ["run", "plan", "status", "queue", "pause", "resume", "cancel", "retry", "compare", "help"]) {
    expect(COMMENT_HELP).toContain(verb);
  }
});
