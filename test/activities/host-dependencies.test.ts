import { expect, test } from "vitest";
import { formatReason } from "#model/errors";
import { failureOf } from "#test/support/failures";
import { HostHarness } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";

test("a provider that the host does not have is named as what is missing, not as too many nodes", async () => {
  using host = new HostHarness();
  const run = sampleRun({ environment: { provider: "qemu" } });
  const failure = await failureOf(host.activities.prepareEnvironment({ environment: run.environment }));
  expect(failure).toMatchObject({ kind: "no provider", host: "here", nonRetryable: true });
  expect(formatReason(failure.kind, failure.message)).toMatch(/^no provider: this host has no qemu; .*hosts.yaml/);
});
