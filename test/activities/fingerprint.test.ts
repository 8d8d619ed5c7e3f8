import { expect, test } from "vitest";
import { fingerprintOf } from "#activities/fingerprint";
import { measuredRun } from "#test/support/measured-run";
import { sampleRun } from "#test/support/sample-run";

const withFacts = (facts: Record<string, string>) => sampleRun({ environment: { facts } });

test("equal facts make equal fingerprints, in whatever order", async () => {
  const { results } = await measuredRun(sampleRun());
  const fingerprint = fingerprintOf(withFacts({ kernel: "6.18", cpu: "x" }), results);
  expect(fingerprint).toMatch(/^[0-9a-f]{12}$/);
  expect(fingerprintOf(withFacts({ cpu: "x", kernel: "6.18" }), results.toReversed())).toBe(fingerprint);
});

test("another kernel, another database setting or another limit makes another", async () => {
  const { results } = await measuredRun(sampleRun());
  const changed = results.map((result) => Object.assign({ ...result }, { facts: { innodb_flush_method: "fsync" } }));
  const fingerprints = [
    fingerprintOf(withFacts({ kernel: "6.18" }), results),
    fingerprintOf(withFacts({ kernel: "6.19" }), results),
    fingerprintOf(withFacts({ kernel: "6.18" }), changed),
    fingerprintOf(sampleRun({ environment: { facts: { kernel: "6.18" } }, point: { memoryMib: 512 } }), results),
  ];
  expect(new Set(fingerprints).size).toBe(4);
});
