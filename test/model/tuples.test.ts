import { expect, test } from "vitest";
import { runDigest } from "#model/tuples";

const first = { rows: 120, digest: "00000000000000ff" };
const second = { rows: 120, digest: "0123456789abcdef" };

test("a run's digest is what sha256sum makes of a line count:digest per database, in node order", () => {
  // printf '120:00000000000000ff\n120:0123456789abcdef' | sha256sum | cut -c1-16
  expect(runDigest([first, second])).toBe("98d915588a86bda6");
  expect(runDigest([second, first])).not.toBe("98d915588a86bda6");
});

test("a run's digest tells databases apart that hold other counts with the same sum", () => {
  expect(runDigest([first, { ...second, rows: 121 }])).not.toBe(runDigest([first, second]));
});
