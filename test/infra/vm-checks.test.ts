import { expect, test } from "vitest";
import { judgeGovc, lookAtAccelerator } from "#infra/doctor/vm-checks";

const disk = {
  id: `sha256:${"a".repeat(64)}`,
  kernel: "6.1",
  content: "",
  database: "",
  node: "",
  protocol: "",
  dir: "",
};
const works = async () => undefined;
const fails = async () => "a guest did not boot within 10 s";
const never = () => Promise.reject(new Error("it was booted"));

test("doctor says whether guests run on the processor, and why they do not", async () => {
  expect((await lookAtAccelerator(["auto"], disk, works)).found).toContain("KVM works");
  expect(await lookAtAccelerator(["auto"], disk, fails)).toMatchObject({
    found: expect.stringMatching(/says nothing about VMs: a guest did not boot/),
    isWarning: true,
  });
});

test("a host that insists on KVM lacks something where it does not work", async () => {
  const finding = await lookAtAccelerator(["auto", "kvm"], disk, fails);
  expect(finding).toMatchObject({ found: expect.stringContaining("KVM does not work") });
  expect(finding.isWarning).toBeUndefined();
});

test("nothing is booted where the operator chose the emulator", async () => {
  expect((await lookAtAccelerator(["tcg"], disk, never)).found).toContain("as hosts.yaml says");
});

test("doctor names a govc that is missing, too old or none", () => {
  expect(judgeGovc("/bin/govc", "0.56.0")).toEqual({ found: "0.56.0 at /bin/govc" });
  expect(judgeGovc("/bin/govc", "0.46.3").mend).toBeUndefined();
  const mend = "npx meshbench up";
  expect(judgeGovc("/bin/govc", "0.9.1")).toEqual({ found: "/bin/govc is 0.9.1, and 0.46 is needed", mend });
  expect(judgeGovc("/bin/govc", undefined)).toEqual({ found: "/bin/govc does not say its version", mend });
  expect(judgeGovc(undefined, undefined)).toMatchObject({ mend });
});
