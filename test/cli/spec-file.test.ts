import { execFileSync } from "node:child_process";
import { mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PRESETS } from "#cli/presets";
import { loadPlan, loadSpec } from "#cli/spec-file";
import { InputError } from "#model/errors";
import { DEFAULT_LIMITS } from "#model/spec-schema";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "meshbench-spec-"));
});
afterAll(() => rm(dir, { recursive: true }));

const SMALL = `version: 1
name: small
environments:
  containers: { provider: docker, cpus: 1, memory: 512MiB }
nodes: 4
rate: 6000
duration: 20s
`;

interface Flags {
  readonly set?: readonly string[];
  readonly env?: readonly string[];
}

async function load(text: string | Uint8Array, flags: Flags = {}) {
  const spec = join(dir, "s.yaml");
  await writeFile(spec, text);
  return loadSpec({ spec, set: [], limits: DEFAULT_LIMITS, ...flags });
}

/** What a user sees, with the path of the file as `s.yaml`. */
async function linesOf(loading: Promise<unknown>): Promise<string[]> {
  const error = await loading.then(
    () => new Error("loaded"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof InputError)) throw error;
  return error.message.replaceAll(`${dir}/`, "").split("\n");
}

test("the example of the design means what it says", async () => {
  const spec = await load(`# yaml-language-server: $schema=./meshbench.schema.json
version: 1
name: nodes-sweep
environments:
  containers: { provider: docker, cpus: 2, memory: 1GiB }
  vms: { provider: qemu, cpus: 2, memory: 1GiB }
matrix: { mode: [baseline, replicated], nodes: [2, 4, 8], rate: [5000] }   # any factor can be an axis
aggregation: 100
duration: 60s                # under 30s a row is marked quotable: false
database: { engine: innodb } # or memory, for rates the paper's engine cannot carry
release: agreed
resolve: addresses
repetitions: 10              # 6 is the least for an interval
seed: 2018
order: interleaved          # or: declared
thresholds: { deviation_pct: { median: "< 5" } }   # over a point's VALID repetitions
`);
  expect(spec.environments).toEqual([
    { name: "containers", provider: "docker", host: "local", cpus: 2, memoryMib: 1024 },
    { name: "vms", provider: "qemu", host: "local", cpus: 2, memoryMib: 1024 },
  ]);
  expect(spec.factors).toMatchObject({
    mode: ["baseline", "replicated"],
    nodes: [2, 4, 8],
    rate: [5000],
    durationSec: [60],
  });
  expect(spec.thresholds).toEqual([{ column: "deviation_pct", statistic: "median", comparison: "<", bound: 5 }]);
  expect(spec).toMatchObject({ repetitions: 10, seed: 2018, order: "interleaved" });
});

describe("a mistake is shown at its line and column", () => {
  test("of the value, or of the map in which something is missing, all at once and in order", async () => {
    const lines = await linesOf(
      load(`version: 1
name: x-[ab]
environments:
  containers:
    provider: dokcer
    cpus: 1
nodes: 1e2
matrix:
  rate: [5000, 0x0f]
`),
    );
    expect(lines).toEqual([
      expect.stringMatching(/^error: s\.yaml:2:7: name: got "x-\[ab\]"; pattern /),
      expect.stringMatching(/^error: s\.yaml:5:5: environments\.containers\.memory: got nothing; required; /),
      'error: s.yaml:5:15: environments.containers.provider: got "dokcer"; one of docker, esxi, qemu, process; did you mean docker',
      expect.stringMatching(/^error: s\.yaml:7:8: nodes: got "1e2"; decimal integer only, no exponent\/hex\/blank; /),
      expect.stringMatching(/^error: s\.yaml:9:16: matrix\.rate\[1\]: got "0x0f"; decimal integer only, /),
    ]);
  });

  test("also where a plan of it would not fit", async () => {
    expect(await linesOf(load(SMALL.replace("512MiB", "64MiB")))).toEqual([
      expect.stringMatching(/^error: s\.yaml:4:52: environments\.containers\.memory: got "64MiB"; a node needs /),
    ]);
  });

  test.for([
    ["nodes: 4\nnodes: 5", 'error: s.yaml:8:1: nodes: got "nodes"; duplicate key; keep one of them'],
    ["\tphase: aligned", "error: s.yaml:8:1: spec: got"],
    ["---\nversion: 1", 'error: s.yaml:8:1: spec: got "MULTIPLE_DOCS"; not valid YAML'],
    ["seed: *a", "error: s.yaml:8:7: "],
    ["seed: !!int 1", 'error: s.yaml:8:13: seed: got "tag:yaml.org,2002:int"; tags are not supported; remove it'],
    ["? [a]\n: 1", "error: s.yaml:8:3: "],
    ["seed:", "error: s.yaml:8:6: seed: got null; wrong type, expected integer"],
    ['seed: "7"', 'error: s.yaml:8:7: seed: got "7"; decimal integer only'],
    ["nodez: 4", "error: s.yaml:8:8: nodez: got 4; unknown key; did you mean nodes"],
    ["__proto__: { nodes: 4 }", 'error: s.yaml:8:12: __proto__: got "__proto__"; reserved key'],
    ["limits: { nodes: 1000 }", 'error: s.yaml:8:9: limits: got {"nodes":1000}; limits are operator-only'],
  ] as const)("%j", async ([line, start]) => {
    const [first = ""] = await linesOf(load(`${SMALL}${line}\n`));
    expect(first.slice(0, start.length)).toBe(start);
  });

  test("an alias bomb and endless brackets are refused at once", async () => {
    const bomb = ["a: &a [1, 1]", "b: &b [*a, *a, *a]", "c: &c [*b, *b, *b]", "d: [*c, *c, *c]"];
    const refused = await linesOf(load(bomb.join("\n")));
    expect(refused).toHaveLength(9);
    expect(refused[0]).toBe('error: s.yaml:2:8: b[0]: got "*a"; aliases are not supported; write it out');
    expect(await linesOf(load("[".repeat(100_000)))).toEqual([
      expect.stringMatching(/^error: s\.yaml:1:\d+: spec: got "RESOURCE_EXHAUSTION"; nested too deeply$/),
    ]);
  });
});

const loadPath = (spec: string) => linesOf(loadSpec({ spec, set: [], limits: DEFAULT_LIMITS }));

describe("a file that is no spec is refused with path and reason (B21)", () => {
  test.for([
    ["not UTF-8", Buffer.from([0x76, 0xff, 0xfe]), "is not UTF-8"],
    ["a byte order mark", `\uFEFF${SMALL}`, "starts with a byte order mark"],
    ["empty", "", "is empty"],
    ["blank", " \n\n", "is empty"],
  ] as const)("%s", async ([, content, reason]) => {
    const [line] = await linesOf(load(content));
    expect(line).toContain(`error: spec: got "s.yaml"; ${reason}`);
  });

  test("missing, with the presets there are", async () => {
    expect(await loadPath(join(dir, "none.yaml"))).toEqual([
      'error: spec: got "none.yaml"; no such file; a YAML file, or a preset: quick, paper/test-1, paper/test-2, paper/test-3, paper/test-4, paper/nested',
    ]);
    expect(await loadPath("paper/tset-3")).toEqual([
      'error: spec: got "paper/tset-3"; no such file; did you mean paper/test-3',
    ]);
  });

  test("a directory, a loop, a name that is none", async () => {
    expect((await loadPath(dir))[0]).toContain("is a directory");
    await symlink("loop.yaml", join(dir, "loop.yaml"));
    expect((await loadPath(join(dir, "loop.yaml")))[0]).toContain("too many symbolic links");
    expect((await loadPath("a\0b"))[0]).toContain("no valid path");
  });

  test("50 MB, without reading it", async () => {
    const large = join(dir, "large.yaml");
    await writeFile(large, "a");
    await truncate(large, 50 * 2 ** 20);
    expect((await loadPath(large))[0]).toContain("50MiB; limit 1MiB");
  });

  test("a FIFO without a writer, without waiting for one", async () => {
    const fifo = join(dir, "fifo.yaml");
    execFileSync("mkfifo", [fifo]);
    expect((await loadPath(fifo))[0]).toContain("is no regular file");
  });
});

describe("--set", () => {
  test("takes factors by name and any key by its path", async () => {
    const spec = await load(SMALL, {
      set: [
        "nodes=2",
        "rate=6000,60000",
        "duration=30s",
        "engine=memory",
        "environments.containers.memory=2GiB",
        "warmup=0s",
      ],
    });
    expect(spec.factors).toMatchObject({ nodes: [2], rate: [6000, 60_000], durationSec: [30], engine: ["memory"] });
    expect(spec.environments[0]?.memoryMib).toBe(2048);
    expect(spec.warmupSec).toBe(0);
  });

  test("a list makes an axis, one value takes the place of an axis, wherever either stood", async () => {
    const withAxes = `${SMALL.replace("nodes: 4", "database: { engine: innodb }")}matrix: { nodes: [2, 4], phase: [aligned, staggered] }\n`;
    const spec = await load(withAxes, {
      set: ["nodes=8", "database.engine=innodb,memory", "matrix.phase=aligned", "cpus=1,2"],
    });
    expect(spec.factors).toMatchObject({ nodes: [8], engine: ["innodb", "memory"], phase: ["aligned"], cpus: [1, 2] });
  });

  test("takes thresholds and lists of addresses", async () => {
    const spec = await load(SMALL, {
      set: ["thresholds.deviation_pct.median=< 5", "environments.containers.dns=198.18.0.1,198.18.0.2"],
    });
    expect(spec.thresholds).toHaveLength(1);
    expect(spec.environments[0]?.dns).toEqual(["198.18.0.1", "198.18.0.2"]);
  });

  test.for([
    ["nodes=0", "error: --set nodes: got 0; must be an integer 1..256"],
    ["nodes=2,300", "error: --set nodes: got 300; above limit 256 (config limits.nodes)"],
    ["nodes=", "error: --set nodes: got null; wrong type, expected integer"],
    ["nodes=15 ", 'error: --set nodes: got "15 "; decimal integer only'],
    ["nodes", 'error: --set: got "nodes"; must be key=value; such as --set nodes=4'],
    ["=4", 'error: --set: got ""; must be key=value'],
    ["nodez=4", "error: --set nodez: got 4; unknown key; did you mean nodes"],
    ["matrix.nodez=4,5", "error: --set matrix.nodez: got [4,5]; unknown axis; did you mean nodes"],
    ["limits.nodes=1000", 'error: --set limits.nodes: got {"nodes":1000}; limits are operator-only'],
    ["__proto__.nodes=4", 'error: --set __proto__.nodes: got "__proto__"; reserved key'],
    [
      "environments.contaners.memory=2GiB",
      'error: --set environments.contaners.memory: got "contaners"; unknown environment; known: containers; did you mean containers',
    ],
    ["environments.containers.memory=64MiB", 'error: --set environments.containers.memory: got "64MiB"; a node needs '],
    ["aggregation=3000", "error: --set aggregation: got 3000; must be 1..2 000"],
    ["duration=10", "error: --set duration: got 10; unit required (ms,s,m,h)"],
    ["seed=1,2", "error: --set seed: got [1,2]; wrong type, expected integer"],
    ["deadline=1s", 'error: --set deadline: got "1s"; shorter than the plan\'s estimate'],
  ] as const)("%s is refused by its name", async ([set, start]) => {
    const lines = await linesOf(load(SMALL, { set: [set] }));
    expect(lines).toHaveLength(1);
    expect(lines[0]?.slice(0, start.length)).toBe(start);
  });

  test("twice for one key is a duplicate, whatever it is called (B31)", async () => {
    expect(await linesOf(load(SMALL, { set: ["nodes=15", "matrix.nodes=20"] }))).toEqual([
      'error: --set nodes: got ["15","20"]; duplicate parameter; give it once',
    ]);
    expect(await linesOf(load(SMALL, { set: ["engine=memory", "database.engine=innodb"] }))).toHaveLength(1);
  });

  test("does not echo a secret (B25)", async () => {
    const lines = await linesOf(
      load(SMALL, { set: ["password=hunter2", "password=hunter3", "environments.containers.token=hunter4"] }),
    );
    expect(lines.join()).not.toContain("hunter");
  });
});

describe("--env", () => {
  const two = SMALL.replace("nodes: 4", "  vms: { provider: qemu, cpus: 1, memory: 512MiB }\nnodes: 4");

  test("picks environments, in the file's order", async () => {
    expect((await load(two, { env: ["vms"] })).environments).toMatchObject([{ name: "vms" }]);
    const both = await load(two, { env: ["vms", "containers"] });
    expect(both.environments).toMatchObject([{ name: "containers" }, { name: "vms" }]);
  });

  test.for([
    [["vmz"], 'error: --env: got "vmz"; unknown environment; known: containers, vms; did you mean vms'],
    [["vms", "vms"], 'error: --env: got "vms"; duplicate environment; give it once'],
    [[""], 'error: --env: got ""; unknown environment; known: containers, vms'],
  ] as const)("%j is refused", async ([env, line]) => {
    expect(await linesOf(load(two, { env }))).toEqual([line]);
  });
});

const planOf = (spec: string, set: readonly string[] = []) => loadPlan({ spec, set, limits: DEFAULT_LIMITS });

describe("presets", () => {
  test.for(PRESETS)("%s is a plan", async (preset) => {
    expect((await planOf(preset)).runs.length).toBeGreaterThan(0);
  });

  test("quick measures for less than a minute, both modes", async () => {
    const { points, runs } = await planOf("quick");
    const secOf = new Map(points.map(({ point }) => [point.index, point.durationSec]));
    expect(runs.reduce((sum, { point }) => sum + (secOf.get(point) ?? 0), 0)).toBeLessThan(60);
    expect(new Set(points.map(({ point }) => point.mode)).size).toBe(2);
  });

  test.for([
    ["paper/test-1", { mode: ["baseline"], nodes: [15] }, "matrix.rate"],
    ["paper/test-2", { mode: ["baseline"], rate: [5000] }, "matrix.nodes"],
    ["paper/test-3", { mode: ["replicated"], nodes: [15] }, "matrix.rate"],
    ["paper/test-4", { mode: ["replicated"], rate: [5000] }, "matrix.nodes"],
  ] as const)("%s has the paper's parameters and marks its axis as ours", async ([preset, factors, axis]) => {
    const { spec } = await planOf(preset);
    expect(spec.factors).toMatchObject({ ...factors, aggregation: [100] });
    expect(spec.environments).toMatchObject([{ provider: "docker", cpus: 4, memoryMib: 3072 }]);
    expect(spec.ours).toContain(axis);
    expect(spec.ours).toContain("duration");
  });

  test("paper/nested has the same points on the host's engine and on the one in its VM", async () => {
    const { spec, points } = await planOf("paper/nested");
    expect(spec.environments).toMatchObject([
      { name: "containers", provider: "docker", host: "local" },
      { name: "nested", provider: "docker", host: "local", inside: "vm" },
    ]);
    const pointsOf = (name: string) => points.filter(({ point }) => point.environment === name);
    expect(pointsOf("nested").map(({ point }) => point.nodes)).toEqual([2, 4, 8, 15]);
    expect(pointsOf("containers")).toHaveLength(4);
  });

  test("a value that a user sets is no longer ours", async () => {
    const { spec, runs } = await planOf("paper/test-3", [
      "nodes=4",
      "rate=6000,60000",
      "duration=20s",
      "repetitions=2",
    ]);
    expect(runs).toHaveLength(4);
    expect(spec.ours).not.toContain("matrix.rate");
    expect(spec.ours).toContain("warmup");
  });
});
