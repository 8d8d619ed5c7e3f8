import { expect, test } from "vitest";
import { jobUrlOf } from "#cli/github/job-url";

const JOB = { GITHUB_REPOSITORY: "octo/mesh", GITHUB_RUN_ID: "77" };

test.each([
  ["https://github.com", "https://github.com/octo/mesh/actions/runs/77"],
  ["https://git.example/hub", "https://git.example/hub/octo/mesh/actions/runs/77"],
])("a job of %s is seen at its run's page", (server, url) => {
  expect(jobUrlOf({ ...JOB, GITHUB_SERVER_URL: server })).toBe(url);
});

test("what is no job has no page", () => {
  expect(jobUrlOf(JOB)).toBeUndefined();
  expect(jobUrlOf({})).toBeUndefined();
});
