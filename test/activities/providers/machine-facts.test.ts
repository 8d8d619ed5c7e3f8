import { expect, test } from "vitest";
import { parseProcessor } from "#activities/providers/machine-facts";

const CPUINFO = `processor\t: 0
model name\t: Example CPU @ 3.00GHz
flags\t\t: fpu vme sse2 ht syscall

processor\t: 1
model name\t: Example CPU @ 3.00GHz
flags\t\t: fpu vme sse2 ht syscall
`;

test("a processor is virtual where it says that a hypervisor runs it", () => {
  expect(parseProcessor(CPUINFO)).toEqual({ model: "Example CPU @ 3.00GHz", isVirtual: false });
  expect(parseProcessor(CPUINFO.replaceAll("syscall", "syscall hypervisor"))).toMatchObject({ isVirtual: true });
});

test("a processor without flags leaves it open", () => {
  expect(parseProcessor("processor\t: 0\nFeatures\t: fp asimd\n")).toBeUndefined();
});
