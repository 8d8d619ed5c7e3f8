import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { formatVmConfig, toGuestinfo } from "#activities/image/vm-config";
import { NODE_ENV, VM_CONFIG, VM_ENV } from "#model/node-protocol";

const SCRIPT = join(import.meta.dirname, "..", "..", "..", "infra", "node-image", "vm-config.sh");
/** As vcsim hands a VM's guestinfo to the container that stands in for it. */
const VARIABLE = `VMX_${VM_CONFIG.guestinfoKey.toUpperCase().replaceAll(".", "_")}`;

const SETTINGS = {
  [NODE_ENV.nodeIndex]: 2,
  [NODE_ENV.workerVerifier]: `*${"A1".repeat(20)}`,
  [VM_ENV.address]: "198.18.4.3/24",
  [VM_ENV.hosts]: "198.18.4.2=node-1,198.18.4.3=node-2",
  [VM_ENV.dns]: undefined,
};

test("a VM reads through guestinfo what was written for it, line by line", () => {
  const config = formatVmConfig(SETTINGS);
  expect(config).not.toContain(VM_ENV.dns);
  const printed = execFileSync(SCRIPT, ["print"], { env: { [VARIABLE]: toGuestinfo(config) }, encoding: "utf8" });
  expect(printed).toBe(config);
});

test.for(["$(id)", "a b", "two\nlines", "`id`", "a;b", "'"])("nothing that a shell would read gets in: %j", (value) => {
  expect(() => formatVmConfig({ [VM_ENV.hostname]: value })).toThrow(RangeError);
  const env = { [VARIABLE]: toGuestinfo(`${VM_ENV.hostname}=${value}\n`) };
  expect(spawnSync(SCRIPT, ["print"], { env })).toMatchObject({ status: 64 });
});

test("only our own variables are taken from outside", () => {
  const env = { [VARIABLE]: toGuestinfo("LD_PRELOAD=/tmp/x.so\n") };
  expect(spawnSync(SCRIPT, ["print"], { env, encoding: "utf8" })).toMatchObject({
    status: 64,
    stderr: expect.stringContaining("LD_PRELOAD"),
  });
});
