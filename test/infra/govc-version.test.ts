import { expect, test } from "vitest";
import { readGovcVersion } from "#infra/govmomi/govc-version";
import { FakeGovc } from "#test/support/fake-govc";

test.for([
  ["echo 'govc 0.56.0'", "0.56.0"],
  ["echo 'govc v0.46.3'", "0.46.3"],
  ["echo 'something else'", undefined],
  ["exit 1", undefined],
] as const)("a govc whose version prints by %j is %j", async ([line, version]) => {
  using fake = new FakeGovc({ version: line });
  expect(await readGovcVersion(fake.path)).toBe(version);
});
