import { expect, test } from "vitest";
import { decodeLog } from "#activities/providers/docker-logs";

function frame(stream: 1 | 2, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

test("both streams come in the order they were printed", () => {
  expect(decodeLog(Buffer.concat([frame(1, "one\n"), frame(2, "zwei ü\n"), frame(1, "three\n")]))).toBe(
    "one\nzwei ü\nthree\n",
  );
});

test("a node that printed nothing has an empty log", () => {
  expect(decodeLog(Buffer.alloc(0))).toBe("");
});

test("of more than a MiB the end is kept", () => {
  const log = decodeLog(Buffer.concat([frame(1, "x".repeat(1024 * 1024)), frame(2, "the end")]));
  expect(log).toHaveLength(1024 * 1024);
  expect(log.endsWith("xthe end")).toBe(true);
});
