import { EsxiHarness } from "#test/support/esxi-harness";
import { describeProviderContract } from "#test/support/provider-contract";

describeProviderContract("ESXi, a vCenter (simulated)", () => EsxiHarness.start({ mode: "vcenter", areIdle: true }));
