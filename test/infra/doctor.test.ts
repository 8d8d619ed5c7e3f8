import { expect, test } from "vitest";
import { InputError, UnavailableError } from "#model/errors";
import { missing, ok, runChecks, showResults } from "#infra/doctor/check";
import { lookAtMemory, lookAtNeighbourTable, lookAtNode, lookAtRoot, lookAtSystem } from "#infra/doctor/machine-checks";
import { judgeEngine, judgeLeftovers } from "#infra/doctor/service-checks";
import type { EngineFacts } from "#infra/engine/engine";

const FACTS: EngineFacts = {
  endpoint: { url: "unix:///var/run/docker.sock", options: {} },
  version: "20.10.24",
  apiVersion: "1.41",
  isRootless: false,
  cgroupVersion: "2",
  storageDriver: "overlay2",
};
const engine = (changes: Partial<EngineFacts> = {}) =>
  judgeEngine({ state: "answers", facts: { ...FACTS, ...changes } });

test("each missing thing has a line with the command that mends it", async () => {
  const results = await runChecks([
    { name: "a", look: async () => ok("there") },
    { name: "longer", look: async () => missing("not there", "sudo mend it") },
  ]);
  expect(showResults(results)).toBe("ok       a       there\nmissing  longer  not there: sudo mend it");
});

test("a check that cannot look is a line like the others, with its own hint", async () => {
  const refused = new UnavailableError("socket: EACCES", "join the group");
  expect(await runChecks([{ name: "a", look: () => Promise.reject(refused) }])).toEqual([
    { name: "a", ok: false, found: "socket: EACCES", mend: "join the group" },
  ]);
});

test("a setting that is refused is a line that says which and why", async () => {
  const refused = new InputError([
    { field: "DOCKER_HOST", value: "tcp://h", rule: "no plain TCP", hint: "use a socket" },
  ]);
  expect(await runChecks([{ name: "a", look: () => Promise.reject(refused) }])).toMatchObject([
    { found: 'DOCKER_HOST: got "tcp://h"; no plain TCP', mend: "use a socket" },
  ]);
});

test("an engine that works is ok", () => {
  expect(engine().mend).toBeUndefined();
  expect(engine({ apiVersion: "1.100" }).mend).toBeUndefined();
});

test.for([
  ["too old", { apiVersion: "1.40" }],
  ["rootless, so that nodes cannot be reached", { isRootless: true }],
] as const)("an engine is refused that is %s", ([, changes]) => {
  expect(engine(changes).mend).toBeDefined();
});

test.for([
  [lookAtNode("24.0.0"), true],
  [lookAtNode("22.20.0"), false],
  [lookAtSystem("darwin"), false],
  [lookAtMemory(2 * 1024 ** 3), false],
  [lookAtMemory(24 * 1024 ** 3), true],
] as const)("the machine is judged: %o", ([finding, isOk]) => {
  expect(finding.mend === undefined).toBe(isOk);
});

const LEFT = {
  kind: "container",
  name: "quick-1-p1-r1-a1-n1",
  runId: "quick-1-p1-r1-a1",
  host: "local",
  deadlineAt: "2026-01-01T00:00:00.000Z",
  isInTheWay: true,
  why: "its run has ended",
} as const;

test("what carries Meshbench's labels and is not its own is named, since nobody removes it", () => {
  const odd = { ...LEFT, name: "odd", deadlineAt: "soon" };
  expect(judgeLeftovers({ removed: [], kept: [LEFT, odd, odd] })).toMatchObject({
    found: expect.stringMatching(/: container odd of run quick-1-p1-r1-a1, deadline soon$/),
    isWarning: true,
  });
  expect(judgeLeftovers({ removed: [LEFT], kept: [] })).toMatchObject({ mend: "npx meshbench reap" });
  expect(judgeLeftovers({ removed: [], kept: [LEFT] }).mend).toBeUndefined();
});

test("evidence of a run that is under way is no leftover", () => {
  const evidence = { ...LEFT, kind: "evidence", deadlineAt: "" } as const;
  expect(judgeLeftovers({ removed: [], kept: [evidence] }).mend).toBeUndefined();
});

test("a neighbour table that is too small for a large mesh is said, with the largest that fits", () => {
  expect(lookAtNeighbourTable(1024)).toMatchObject({
    found: "1024 places: a full mesh of up to 32 nodes on this kernel, for more",
    isWarning: true,
  });
  expect(lookAtNeighbourTable(991).found).toContain("up to 31 nodes");
  expect(lookAtNeighbourTable(65_536).mend).toBeUndefined();
});

test("native nodes and VMs need root and some programs: said, never asked for", () => {
  expect(lookAtRoot(true, []).mend).toBeUndefined();
  expect(lookAtRoot(false, [])).toMatchObject({ isWarning: true, mend: expect.stringContaining("sudo") });
  expect(lookAtRoot(true, ["flock"])).toMatchObject({ isWarning: true, found: expect.stringContaining("flock") });
});
