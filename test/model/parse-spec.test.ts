import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseSpec } from "#model/parse-spec";
import { DEFAULT_LIMITS } from "#model/spec-schema";
import { containers, issuesOf, linesOf, rawSpec, specOf } from "#test/model/spec-fixture";

const MAX_SAFE_PLUS_TWO = 9007199254740993n;
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

/** Row of `faults.md`, what is changed, and the one line that it has to bring. */
const REFUSED: readonly (readonly [row: string, change: Record<string, unknown>, line: string])[] = [
  ["B01", { nodes: 0 }, "error: nodes: got 0; must be an integer 1..256"],
  ["B01", { nodes: -3 }, "error: nodes: got -3; must be an integer 1..256"],
  ["B02", { nodes: 15.5 }, "error: nodes: got 15.5; decimal integer only, no exponent/hex/blank"],
  ["B02", { nodes: "1e2" }, 'error: nodes: got "1e2"; decimal integer only, no exponent/hex/blank'],
  ["B02", { nodes: "0x0f" }, 'error: nodes: got "0x0f"; decimal integer only, no exponent/hex/blank'],
  ["B02", { nodes: "15 " }, 'error: nodes: got "15 "; decimal integer only, no exponent/hex/blank'],
  ["B03", { nodes: 100_000 }, "error: nodes: got 100000; above limit 256 (config limits.nodes)"],
  ["B04", { nodes: Number.NaN }, "error: nodes: got NaN; wrong type, expected integer"],
  ["B04", { nodes: "Infinity" }, 'error: nodes: got "Infinity"; wrong type, expected integer'],
  ["B04", { nodes: null }, "error: nodes: got null; wrong type, expected integer"],
  ["B04", { nodes: true }, "error: nodes: got true; wrong type, expected integer"],
  ["B04", { nodes: [] }, "error: nodes: got []; wrong type, expected integer"],
  ["B06", { rate: 0 }, "error: rate: got 0; must be an integer 1..10 000 000"],
  ["B06", { rate: -1 }, "error: rate: got -1; must be an integer 1..10 000 000"],
  ["B06", { rate: MAX_SAFE_PLUS_TWO }, "error: rate: got 9007199254740993; not a safe integer"],
  ["B07", { aggregation: 0 }, "error: aggregation: got 0; must be an integer 1..10 000"],
  [
    "B07",
    { aggregation: 2001 },
    "error: aggregation: got 2001; must be 1..2 000, at most K = D·T (rate 6000, duration 20s)",
  ],
  ["B08", { duration: "0s" }, 'error: duration: got "0s"; more than 0, max 24 h'],
  [
    "B08",
    { duration: "-5m" },
    'error: duration: got "-5m"; unit required (ms,s,m,h), such as 60s; more than 0, max 24 h',
  ],
  ["B08", { duration: 10 }, "error: duration: got 10; unit required (ms,s,m,h)"],
  ["B08", { duration: "5 parsecs" }, 'error: duration: got "5 parsecs"; unit required (ms,s,m,h)'],
  [
    "B08",
    { duration: "999d" },
    'error: duration: got "999d"; unit required (ms,s,m,h), such as 60s; more than 0, max 24 h',
  ],
  ["B08", { duration: "25h" }, 'error: duration: got "25h"; more than 0, max 24 h'],
  ["B11", { matrix: { mode: [] } }, "error: matrix.mode: got []; must have at least one value"],
  ["B11", { matrix: { aggregation: [5, 10, 5] } }, "error: matrix.aggregation: got [5,10,5]; duplicate values: 5"],
  ["B11", { matrix: { speed: [1] } }, "error: matrix.speed: got [1]; unknown axis; "],
  ["B11", { matrix: { agregation: [1] } }, "error: matrix.agregation: got [1]; unknown axis; did you mean aggregation"],
  ["B12", { mode: "Baseline " }, 'error: mode: got "Baseline "; one of replicated, baseline; did you mean baseline'],
  ["B12", { mode: "full;rm -rf /" }, 'error: mode: got "full;rm -rf /"; one of replicated, baseline'],
  [
    "B13",
    { environments: { containers: { ...containers, provider: "podman" } } },
    'error: environments.containers.provider: got "podman"; one of docker, esxi, qemu, process',
  ],
  [
    "B13",
    { environments: { containers: { ...containers, provider: "ESXI" } } },
    'error: environments.containers.provider: got "ESXI"; one of docker, esxi, qemu, process; did you mean esxi',
  ],
  ["B14", { repetitions: 0 }, "error: repetitions: got 0; must be an integer 1..500"],
  ["B14", { repetitions: 10_001 }, "error: repetitions: got 10001; must be an integer 1..500"],
  [
    "B15",
    { environments: { containers: { ...containers, host: "../x" } } },
    'error: environments.containers.host: got "../x"; pattern [a-z0-9-]{2,32}',
  ],
  [
    "B17",
    { name: "b-*" },
    'error: name: got "b-*"; pattern [a-z0-9-]{2,32}, no dash at either end; glob and path characters are forbidden',
  ],
  ["B17", { name: "x-[ab]" }, 'error: name: got "x-[ab]"; pattern [a-z0-9-]{2,32}'],
  ["B17", { name: "a/b" }, 'error: name: got "a/b"; pattern [a-z0-9-]{2,32}'],
  ["B17", { name: "a%2fb" }, 'error: name: got "a%2fb"; pattern [a-z0-9-]{2,32}'],
  ["B17", { name: "-debug" }, 'error: name: got "-debug"; pattern [a-z0-9-]{2,32}'],
  ["B17", { name: "x" }, 'error: name: got "x"; pattern [a-z0-9-]{2,32}'],
  ["B17", { name: "n".repeat(300) }, `error: name: got "${"n".repeat(78)}…; pattern [a-z0-9-]{2,32}`],
  ["B17", { name: "a\0b" }, String.raw`error: name: got "a\u0000b"; pattern [a-z0-9-]{2,32}`],
  ["B17", { name: "ab\n" }, String.raw`error: name: got "ab\n"; pattern [a-z0-9-]{2,32}`],
  ["B17", { name: "a\u202Eb" }, String.raw`error: name: got "a\u{202e}b"; pattern [a-z0-9-]{2,32}`],
  ["B17", { name: "🚀🚀" }, String.raw`error: name: got "\u{1f680}\u{1f680}"; pattern [a-z0-9-]{2,32}`],
  [
    "B17",
    { environments: { "x-[ab]": containers } },
    'error: environments["x-[ab]"]: got "x-[ab]"; pattern [a-z0-9-]{2,32}',
  ],
  [
    "B18",
    { environments: { containers: { ...containers, image: "mysql" } } },
    'error: environments.containers.image: got "mysql"; a repository digest (name@sha256:…) or a local image id (64 hex)',
  ],
  [
    "B18",
    { environments: { containers: { ...containers, image: "mysql:latest" } } },
    'error: environments.containers.image: got "mysql:latest"; a repository digest',
  ],
  [
    "B18",
    { environments: { containers: { ...containers, image: "repo@sha256:short" } } },
    'error: environments.containers.image: got "repo@sha256:short"; a repository digest',
  ],
  ["B20", { seed: "abc" }, 'error: seed: got "abc"; wrong type, expected integer; unsigned 53-bit integer or omit'],
  [
    "B20",
    { seed: 18_446_744_073_709_551_616n },
    "error: seed: got 18446744073709551616; not a safe integer; unsigned 53-bit integer or omit",
  ],
  ["B20", { seed: -1 }, "error: seed: got -1; unsigned 53-bit integer or omit"],
  ["B23", { nodez: 4 }, "error: nodez: got 4; unknown key; did you mean nodes"],
  [
    "B23",
    JSON.parse('{"__proto__":{"a":1}}') as Record<string, unknown>,
    'error: __proto__: got "__proto__"; reserved key',
  ],
  ["B23", { constructor: 1 }, 'error: constructor: got "constructor"; reserved key'],
  ["B24", { version: 99 }, "error: version: got 99; supports 1..1; migrate with "],
  ["B24", { version: undefined }, "error: version: got nothing; supports 1..1; migrate with "],
  ["B39", { deadline: "0s" }, 'error: deadline: got "0s"; more than 0, max 168h (7 d)'],
  ["B39", { deadline: "169h" }, 'error: deadline: got "169h"; more than 0, max 168h (7 d)'],
  ["B41", { limits: { nodes: 1000 } }, 'error: limits: got {"nodes":1000}; limits are operator-only'],
  [
    "kernel",
    { environments: { containers: { ...containers, kernel: "host" } } },
    'error: environments.containers.kernel: got "host"; only with provider qemu; remove it',
  ],
  [
    "inside",
    { environments: { containers: { ...containers, provider: "process", inside: "vm" } } },
    'error: environments.containers.inside: got "vm"; only with provider docker; remove it',
  ],
  [
    "half a VM",
    { environments: { vms: { ...containers, provider: "qemu", cpus: 0.5 } } },
    "error: environments.vms.cpus: got 0.5; a VM has whole processors; such as 1",
  ],
];

describe("a bad value is refused in one line", () => {
  test.for(REFUSED)("%s: %o", ([, change, line]) => {
    const given = Object.hasOwn(change, "__proto__") ? Object.assign(Object.create(null), rawSpec()) : rawSpec(change);
    if (Object.hasOwn(change, "__proto__")) Object.defineProperty(given, "__proto__", { value: {}, enumerable: true });
    const lines = linesOf(() => parseSpec(given, DEFAULT_LIMITS));
    expect(lines).toHaveLength(1);
    expect(lines[0]?.slice(0, line.length)).toBe(line);
  });
});

test("all mistakes are told at once, 20 at most", () => {
  const matrix = Object.fromEntries(upTo(23).map((i) => [`axis${i}`, [1]]));
  const lines = linesOf(() => specOf({ matrix, nodes: 0, seed: -1 }));
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toBe("… and 5 more");
});

test("64 000 runs are refused by counting, with a way to split them (B10)", () => {
  const matrix = { nodes: upTo(40), rate: upTo(40).map((i) => i * 1000), aggregation: upTo(40) };
  const [line = ""] = linesOf(() => specOf({ matrix, nodes: undefined, rate: undefined, repetitions: 1 }));
  expect(line).toContain("64 000 runs > 500 (config limits.runs)");
  expect(line).toContain("split it along several axes");
  expect(linesOf(() => specOf({ matrix: { rate: upTo(60).map((i) => i * 1000) }, rate: undefined }))[0]).toContain(
    "split it: at most 50 of the 60 values of rate a sweep",
  );
});

test("points that an environment skips do not count as runs", () => {
  const environments = { containers: { ...containers, max_nodes: 5 } };
  expect(specOf({ environments, matrix: { nodes: upTo(60) }, nodes: undefined }).factors.nodes).toHaveLength(60);
});

test("a host that the operator did not name is refused, the known ones are told (B15)", () => {
  const limits = { ...DEFAULT_LIMITS, hosts: ["local", "esx-lab"] };
  const environments = { containers: { ...containers, host: "esx-lob" } };
  expect(linesOf(() => specOf({ environments }, limits))).toEqual([
    'error: environments.containers.host: got "esx-lob"; unknown host; known: local, esx-lab; did you mean esx-lab',
  ]);
});

describe("secrets (B25)", () => {
  const secret = "hunter2";
  test.for([
    { password: secret },
    { environments: { containers: { ...containers, api_token: secret } } },
    { environments: [{ password: secret }] },
    { environments: { containers: { ...containers, image: `https://user:${secret}@registry` } } },
    { name: `https://user:${secret}@host/` },
  ])("are refused and never echoed: %o", (change) => {
    const text = linesOf(() => specOf(change)).join("\n");
    expect(text).toContain("use a secret file 0600; value not echoed");
    expect(text).not.toContain(secret);
  });
});

test("a factor is a value or an axis, not both", () => {
  expect(linesOf(() => specOf({ matrix: { nodes: [2] } }))).toEqual([
    "error: nodes: got 4; given both as a value and as an axis of the matrix; keep one of them",
  ]);
  expect(linesOf(() => specOf({ database: { engine: "memory" }, matrix: { engine: ["innodb"] } }))[0]).toContain(
    "error: database.engine: got",
  );
});

test("nodes and rate have to be said", () => {
  expect(issuesOf(() => specOf({ nodes: undefined, rate: undefined })).map(({ field, rule }) => [field, rule])).toEqual(
    [
      ["nodes", "required"],
      ["rate", "required"],
    ],
  );
});

test("nodes are of one size everywhere, unless size is an axis", () => {
  const environments = { containers, vms: { provider: "qemu", cpus: 2, memory: "1GiB" } };
  expect(linesOf(() => specOf({ environments }))).toEqual([
    "error: environments.vms.cpus: got 2; must equal that of containers (1); to compare sizes make it an axis: matrix.cpus",
    'error: environments.vms.memory: got "1024MiB"; must equal that of containers (512MiB); to compare sizes make it an axis: matrix.memory',
  ]);
  const spec = specOf({ environments, matrix: { cpus: [1, 2], memory: ["512MiB", "1GiB"] } });
  expect(spec.factors).toMatchObject({ cpus: [1, 2], memoryMib: [512, 1024] });
});

test("a bare 0 is no warm-up; anything else has a unit", () => {
  expect(specOf({ warmup: 0 }).warmupSec).toBe(0);
  expect(linesOf(() => specOf({ warmup: 3 }))).toEqual([
    "error: warmup: got 3; unit required (ms,s,m,h), such as 60s; 0 to 1h",
  ]);
});

test("the same value in two spellings is a duplicate", () => {
  const [line] = linesOf(() => specOf({ duration: undefined, matrix: { duration: ["60s", "1m"] } }));
  expect(line).toContain("error: matrix.duration: got");
});

test("ours may only mark what is there", () => {
  expect(linesOf(() => specOf({ ours: ["rate", "seed"] }))).toEqual([
    'error: ours[1]: got "seed"; no value at this path; name a key of this file',
  ]);
});

test("defaults are the design's", () => {
  expect(specOf({ duration: undefined })).toEqual({
    version: 1,
    name: "small",
    environments: [{ name: "containers", provider: "docker", host: "local", cpus: 1, memoryMib: 512 }],
    factors: {
      mode: ["replicated"],
      nodes: [4],
      rate: [6000],
      aggregation: [100],
      durationSec: [60],
      engine: ["innodb"],
      client: ["batched"],
      release: ["agreed"],
      resolve: ["addresses"],
      phase: ["aligned"],
      cpus: [],
      memoryMib: [],
    },
    warmupSec: 3,
    repetitions: 10,
    attempts: 2,
    seed: 2018,
    order: "interleaved",
    observe: "on",
    keep: "never",
    thresholds: [],
    ours: [],
  });
});

test("whatever comes in, it is a spec or refused in inert lines, and nothing is polluted", () => {
  const key = fc.constantFrom("nodes", "matrix", "environments", "__proto__", "ours", "database");
  const input = fc.oneof(
    fc.anything({ withBigInt: true, withNullPrototype: true, withDate: true, withMap: true }),
    fc.dictionary(key, fc.anything({ withBigInt: true })).map((change) => Object.assign(rawSpec(), change)),
  );
  fc.assert(
    fc.property(input, (given) => {
      const lines = linesOf(() => parseSpec(given, DEFAULT_LIMITS));
      expect(lines.filter((line) => /\p{Cc}/u.test(line))).toEqual([]);
      expect(Object.keys(Object.prototype)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("deep inputs are refused, not followed", () => {
  const deep = Array.from({ length: 100_000 }).reduce<unknown>((inner) => [inner], 1);
  expect(linesOf(() => specOf({ matrix: deep })).join()).toContain("nested too deeply");
});
