/** What the provider asks of a host, and tells its VMs. */

import { expect, test } from "vitest";
import { labelsOf } from "#activities/providers/labels";
import { extraConfigOf, FakeEsxi } from "#test/support/fake-esxi";

const DEADLINE_AT = new Date(Date.now() + 600_000).toISOString();
const RUN_ID = "sample-p1-r1-a1";
const LABELS = labelsOf({ runId: RUN_ID, host: "here", deadlineAt: DEADLINE_AT, nodeIndex: 1 });
const VMX = { "config.files.vmPathName": "[ds1] sample/sample.vmx" };

test("a host that had no answer for a moment is asked again, whatever it was asked for", async () => {
  const files = `echo '[{"file":[{"path":"sample.vmdk"}]}]'`;
  const vm = { name: `${RUN_ID}-n1`, ...VMX, ...extraConfigOf(LABELS) };
  // It goes with its VM.
  using host = new FakeEsxi({
    vms: { "VirtualMachine:1": vm },
    answers: {
      "device.info": `echo '{"devices":[]}'`,
      "datastore.ls": files,
      "vm.destroy": `: > "$STATE/VirtualMachine"`,
    },
  });
  const provider = host.open();
  host.failNext("Datastore");
  expect(await provider.destroyRun(RUN_ID)).toBe(1);
  const removal = host.govc.calls().find(({ args }) => args[0] === "datastore.rm");
  expect(removal?.args).toContain("sample/sample.vmdk");
  await provider.close();
});
