import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { seedPartsOf } from "#activities/assignment";
import { judgeRun } from "#model/judgement";
import type { DatabaseProof } from "#model/run";
import { formatDigest, KEY_BYTES, tupleSeed, TupleStream } from "#model/tuples";
import { measuredRun } from "#test/support/measured-run";
import { sampleRun } from "#test/support/sample-run";

interface TupleRow {
  readonly key: string;
  readonly value: number;
  readonly copy: number;
}

const run = sampleRun({ point: { nodes: 3 } });

/** What each of the three databases holds when all went well. */
function fullDatabases(): TupleRow[][] {
  const parts = seedPartsOf(run);
  const rows = [1, 2, 3].flatMap((nodeIndex) => {
    const { keys, values } = new TupleStream(tupleSeed({ ...parts, nodeIndex })).take(parts.tupleCount);
    return Array.from(values, (value, i) => ({
      key: keys.toString("hex", i * KEY_BYTES, (i + 1) * KEY_BYTES),
      value,
      copy: 0,
    }));
  });
  return [rows, [...rows], [...rows]];
}

function proofOf(rows: readonly TupleRow[], node: number): DatabaseProof {
  const digests = rows.map(({ key, value, copy }) => {
    const bytes = Buffer.concat([Buffer.from(key, "hex"), Buffer.from([value, copy])]);
    return createHash("md5").update(bytes).digest().readBigUInt64BE(0);
  });
  const digest = formatDigest(digests.reduce((sum, one) => sum + one, 0n));
  const distinctRows = new Set(rows.map(({ key, copy }) => `${key}/${copy}`)).size;
  return { node, rows: rows.length, distinctRows, digest, serverUptimeSec: 60 };
}

async function judge(databases: readonly TupleRow[][]) {
  const measured = await measuredRun(run);
  return judgeRun({ ...measured, proofs: databases.map((rows, position) => proofOf(rows, position + 1)) });
}

test("databases that hold exactly their tuples are proven, in whatever order", async () => {
  const databases = fullDatabases();
  databases[1]!.reverse();
  expect((await judge(databases)).status).toBe("VALID");
});

type Mutation = [name: string, mutate: (databases: TupleRow[][]) => void, reason: string];
const mutations: Mutation[] = [
  ["deleting one tuple", ([, , c]) => c!.pop(), "node 3 holds 59 rows, expected 60"],
  ["duplicating one tuple", ([, b]) => b!.push(b![0]!), "node 2 holds 61 rows, expected 60"],
  [
    "duplicating one tuple in place of another",
    ([, b]) => (b![1] = b![0]!),
    "node 2 holds 60 rows, of which only 59 are distinct",
  ],
  [
    "altering one value",
    ([a]) => (a![7] = { ...a![7]!, value: (a![7]!.value + 1) % 101 }),
    "node 1 holds 60 rows as expected, but digest",
  ],
  ["swapping two values", ([a]) => swapValues(a!), "node 1 holds 60 rows as expected, but digest"],
  [
    "moving one tuple to another database",
    ([a, b]) => b!.push({ ...a!.pop()!, copy: 1 }),
    "node 1 holds 59 rows, expected 60, 2 of 3 databases differ",
  ],
  [
    "dropping one aggregated batch",
    ([, b]) => b!.splice(20, run.point.aggregation),
    "node 2 holds 50 rows, expected 60",
  ],
];
test.for(mutations)("%s makes the run INVALID and says where", async ([, mutate, reason]) => {
  const databases = fullDatabases();
  mutate(databases);
  const row = await judge(databases);
  expect(row).toMatchObject({ status: "INVALID", consistent: false });
  expect(row.reason).toContain(`digest mismatch: ${reason}`);
  expect(row.reason).toContain("(in collect, host here)");
});

function swapValues(rows: TupleRow[]): void {
  const other = rows.findIndex(({ value }) => value !== rows[0]!.value);
  const [a, b] = [rows[0]!, rows[other]!];
  rows[0] = { ...a, value: b.value };
  rows[other] = { ...b, value: a.value };
}
