import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cutLines, fitText, TEXT_LONGEST_BYTES } from "#report/text-limit";

const REMEDY = "the report has them.";
const linesOf = (count: number, text: string) => Array.from({ length: count }, (_, i) => `${i} ${text}`).join("\n");
const bytesOf = (text: string) => Buffer.byteLength(text);
const fold = (text: string) => `<details>${text}</details>`;

describe("a text for GitHub", () => {
  test("stays as it is where it is short enough; what is empty leaves no trace", () => {
    const parts = [
      { name: "a", text: "one" },
      { name: "b", text: "", frame: fold },
      { name: "c", text: "two", frame: fold },
    ];
    expect(fitText(parts, REMEDY)).toBe("one\n\n<details>two</details>");
  });

  test("loses lines of its longest part only, closes what goes around it and says how many", () => {
    const parts = [
      { name: "the verdict", text: "worse" },
      { name: "“Runs”", text: linesOf(4000, "deadline: 150 s passed"), frame: fold },
      { name: "“Reproduce”", text: linesOf(20, "git checkout"), frame: fold },
    ];
    const text = fitText(parts, REMEDY);
    expect(bytesOf(text)).toBeLessThanOrEqual(TEXT_LONGEST_BYTES);
    expect(bytesOf(text)).toBeGreaterThan(TEXT_LONGEST_BYTES - 1000);
    expect(text).toContain(`<details>${linesOf(20, "git checkout")}</details>`);
    const shown = text.split("\n").filter((line) => line.endsWith("deadline: 150 s passed")).length;
    expect(text).toContain("passed\n…</details>");
    const note = `_Cut, since GitHub takes no more: ${4000 - shown} lines of “Runs”; ${REMEDY}_`;
    expect(text.endsWith(note)).toBe(true);
  });

  test("loses as much of each where two are long, and names both", () => {
    const text = fitText(
      ["a", "b"].map((name) => ({ name, text: linesOf(9000, name) })),
      REMEDY,
    );
    const left = ["a", "b"].map((name) => text.split("\n").filter((line) => line.endsWith(` ${name}`)).length);
    expect(Math.abs((left[0] ?? 0) - (left[1] ?? 0))).toBeLessThanOrEqual(1);
    expect(text).toMatch(/\d+ lines of a, \d+ lines of b;/);
  });

  test("is counted in bytes: GitHub does so for checks", () => {
    const text = fitText([{ name: "bars", text: linesOf(800, "█".repeat(40)) }], REMEDY);
    expect(text.length).toBeLessThan(TEXT_LONGEST_BYTES / 2);
    expect(bytesOf(text)).toBeLessThanOrEqual(TEXT_LONGEST_BYTES);
    expect(text).toContain("lines of bars");
  });

  test("is never too long, whatever its parts are", () => {
    const part = fc.record({ name: fc.constant("part"), text: fc.tuple(fc.string(), fc.nat(8000)) });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const texts = parts.map(({ name, text: [line, count] }) => ({ name, text: linesOf(count, line), frame: fold }));
        expect(bytesOf(fitText(texts, REMEDY))).toBeLessThanOrEqual(TEXT_LONGEST_BYTES);
      }),
      { numRuns: 20 },
    );
  });
});

test("a block of code that is cut is closed, and so stays a block of code", () => {
  const { text, linesCut } = cutLines(`\`\`\`text\n${linesOf(50, "row")}\n\`\`\``, 60);
  expect(text).toMatch(/^```text\n0 row\n(\d row\n)+…\n```$/);
  expect(bytesOf(text)).toBeLessThanOrEqual(60);
  expect(linesCut).toBe(52 - text.split("\n").length + 2);
});
