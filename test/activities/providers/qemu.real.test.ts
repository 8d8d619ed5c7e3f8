import { describeProviderContract } from "#test/support/provider-contract";
import { openQemuHarness } from "#test/support/qemu-harness";

describeProviderContract("qemu", openQemuHarness);
