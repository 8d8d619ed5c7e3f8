import { openProcessHarness } from "#test/support/process-harness";
import { describeProviderContract } from "#test/support/provider-contract";

describeProviderContract("process", openProcessHarness);
