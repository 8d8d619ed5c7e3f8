import { EsxiHarness } from "#test/support/esxi-harness";
import { describeProviderContract } from "#test/support/provider-contract";

describeProviderContract("ESXi, a standalone host (simulated)", () =>
  EsxiHarness.start({ mode: "esx", areIdle: true }),
);
