import { describe, expect, test } from "vitest";
import { judgeComment, type CommentEvent, type PullRequestState } from "#model/comment-gate";

const HEAD = "a".repeat(40);
const OLDER = "b".repeat(40);
const PULL: PullRequestState = { isOpen: true, headSha: HEAD, isFork: false };
const EVENT: CommentEvent = {
  action: "created",
  repository: { owner: "octo", name: "mesh" },
  number: 7,
  isPullRequest: true,
  commentId: 991,
  body: "/bench run quick",
  author: { login: "ada", isBot: false },
};

describe("the gate", () => {
  test("lets somebody with write access pass, with the head pinned", () => {
    expect(judgeComment(EVENT, "write", PULL)).toEqual({
      verdict: "go",
      request: {
        pullRequest: { repository: { owner: "octo", name: "mesh" }, number: 7 },
        commentId: 991,
        author: "ada",
        headSha: HEAD,
      },
      command: { verb: "run", spec: "quick", set: [], versus: { kind: "base" }, priority: 0 },
    });
    expect(judgeComment(EVENT, "admin", PULL).verdict).toBe("go");
  });

  test.each(["read", "none", "", "triage", "Write", "something new"])("refuses permission %j", (permission) => {
    const verdict = judgeComment(EVENT, permission, PULL);
    expect(verdict).toEqual({
      verdict: "refuse",
      why: `permission found: ${permission || "none"}; needed: write`,
    });
  });

  test.each([
    ["an edit", { action: "edited" }],
    ["a deletion", { action: "deleted" }],
    ["an issue that is no pull request", { isPullRequest: false }],
    ["a bot, whatever it may do", { author: { login: "renovate[bot]", isBot: true } }],
    ["an account that is gone", { author: undefined }],
    ["a comment that asks nothing", { body: "nice work" }],
  ])("ignores %s", (_, change) => {
    expect(judgeComment({ ...EVENT, ...change } as CommentEvent, "admin", PULL).verdict).toBe("ignore");
  });

  test("tells nobody without permission what a command would have to look like", () => {
    const verdict = judgeComment({ ...EVENT, body: "/bench rum quick" }, "read", PULL);
    expect(verdict).toMatchObject({ verdict: "refuse", why: expect.stringMatching(/^permission/) as string });
  });

  test("answers what cannot be read with what is wrong, and the help", () => {
    const verdict = judgeComment({ ...EVENT, body: "/bench run quick nodes=15 nodes=20" }, "write", PULL);
    expect(verdict).toMatchObject({ verdict: "refuse", why: expect.stringContaining("duplicate parameter") as string });
    expect(verdict).toMatchObject({ why: expect.stringContaining("/bench run SPEC") as string });
  });
});

describe("code of the pull request", () => {
  test("from a fork is not run unless somebody with write access names the commit", () => {
    const fork = { ...PULL, isFork: true };
    expect(judgeComment(EVENT, "admin", fork)).toMatchObject({
      verdict: "refuse",
      why: expect.stringContaining(`sha=${HEAD}`) as string,
    });
    expect(judgeComment({ ...EVENT, body: `/bench run quick sha=${HEAD}` }, "write", fork).verdict).toBe("go");
    expect(judgeComment({ ...EVENT, body: "/bench plan quick" }, "write", fork).verdict).toBe("go");
  });

  test("that has moved on is refused, with both commits", () => {
    const verdict = judgeComment({ ...EVENT, body: `/bench run quick sha=${OLDER}` }, "write", PULL);
    expect(verdict).toMatchObject({ verdict: "refuse", why: expect.stringContaining(OLDER) as string });
    expect(verdict).toMatchObject({ why: expect.stringContaining(HEAD) as string });
  });

  test("of a closed pull request is not run, but its sweeps can still be seen and ended", () => {
    const closed = { ...PULL, isOpen: false };
    expect(judgeComment(EVENT, "write", closed).verdict).toBe("refuse");
    expect(judgeComment({ ...EVENT, body: "/bench cancel" }, "write", closed).verdict).toBe("go");
  });
});
