import { expect, test } from "vitest";
import { HostHarness } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

test("finds the nodes of the run alone, whatever became of them", async () => {
  using host = new HostHarness();
  const run = sampleRun();
  expect(await host.activities.findNodes({ run })).toEqual({ found: 0 });
  await host.provision(run);
  expect(await host.activities.findNodes({ run })).toEqual({ found: run.point.nodes });
  expect(await host.activities.findNodes({ run: sampleRun({ runId: "other-p1-r1-a1" }) })).toEqual({ found: 0 });
});
