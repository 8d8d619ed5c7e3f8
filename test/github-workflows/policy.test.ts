import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { WORKFLOW_FILES } from "#test/support/github/workflow-files";
import { breachesOf } from "#test/support/github/workflow-policy";

test.for(Object.entries(WORKFLOW_FILES))("%s keeps the rules", ([, text]) => {
  expect(breachesOf(text)).toEqual([]);
});

test("each job has the rights it needs, and the gate alone may write", () => {
  const rights = Object.entries(WORKFLOW_FILES).flatMap(([file, text]) => {
    const { jobs } = parse(text) as { jobs: Record<string, { permissions: object }> };
    return Object.entries(jobs).map(([id, { permissions }]) => [`${file} ${id}`, permissions]);
  });
  expect(Object.fromEntries(rights)).toEqual({
    "ci.yml check-and-test": { contents: "read" },
    "comment.yml gate": { contents: "read", issues: "write", "pull-requests": "write" },
    "comment.yml queue": {},
    "nightly.yml nudge": {},
    "resume.yml resume": {},
    "sweep.yml sweep": { contents: "read" },
  });
});

/** What is done to a file, and the breach that must be found in it. */
const MUTATIONS: readonly [file: string, from: string | RegExp, to: string, breach: RegExp][] = [
  ["ci.yml", /actions\/checkout@\w+ #/, "actions/checkout@v7 #", /is not pinned/],
  ["ci.yml", /( # v7\.0\.1)/, "", /is not pinned/],
  ["ci.yml", "permissions: {}", "permissions: write-all", /permissions at the top/],
  ["ci.yml", "permissions: {}\n", "", /permissions at the top/],
  ["ci.yml", "pull_request:", "pull_request_target:", /is started by pull_request_target/],
  ["ci.yml", "persist-credentials: false", "fetch-depth: 1", /leaves credentials/],
  ["ci.yml", "timeout-minutes: 90\n", "name: x\n", /no timeout-minutes/],
  ["ci.yml", "runs-on: ubuntu-latest", "runs-on: [self-hosted]", /pull request's workflow on the bench/],
  ["ci.yml", "runs-on: ubuntu-latest", "runs-on: self-hosted", /runs more than meshbench/],
  ["comment.yml", "    permissions: {}\n", "", /does not say its permissions/],
  ["comment.yml", "    permissions: {}\n", "    permissions: { issues: write }\n", /writes to GitHub from the bench/],
  ["comment.yml", "    environment: lab\n", "", /outside `lab`/],
  ["sweep.yml", "    environment: lab\n", "", /outside `lab`/],
  ["comment.yml", "github submit", "github submit ${{ github.event.comment.body }}", /expression into a line of shell/],
  ["comment.yml", "${{ needs.gate.outputs.order }}", "${{ github.event.comment.body }}", /a stranger's words/],
  ["comment.yml", "${{ needs.gate.outputs.order }}", "${{ secrets.APP_KEY }}", /a credential to the bench/],
  ["sweep.yml", "${{ inputs.set }}", "${{ github.event.comment.body }}", /a stranger's words/],
  ["sweep.yml", "${{ inputs.set }}", "${{ secrets.APP_KEY }}", /a credential to the bench/],
  ["comment.yml", "exec meshbench github submit", "meshbench github submit", /has logic/],
  ["sweep.yml", "exec meshbench github sweep", "if true; then exec meshbench github sweep; fi", /has logic/],
  ["resume.yml", "        required: true", "        default: ''", /without a pinned release/],
  [
    "sweep.yml",
    "MESHBENCH_RELEASE: ${{ inputs.release }}",
    "MESHBENCH_RELEASE: ''",
    /does not heed the pinned release/,
  ],
  ["comment.yml", "inputs.release ||", "inputs.meshbench ||", /does not heed the pinned release/],
  ["nightly.yml", "exec meshbench nightly nudge", "exec meshbench up", /has logic/],
];

describe("the rules notice", () => {
  test.for(MUTATIONS)("in %s: %s → %s", ([file, from, to, breach]) => {
    const text = WORKFLOW_FILES[file] ?? "";
    const mutated = text.replace(from, () => to);
    expect(mutated).not.toBe(text);
    expect(breachesOf(mutated).join("\n")).toMatch(breach);
  });
});
