import { expect, test, vi } from "vitest";
import { Steps } from "#infra/console/steps";

function record(isTTY: boolean) {
  const written: string[] = [];
  return { written, output: { isTTY, columns: 40, write: (text: string) => written.push(text) } };
}

test("without a terminal a step is plain lines: its start, its end, how long it took", async () => {
  const { written, output } = record(false);
  expect(await new Steps(output).run("Fetching", async () => 7)).toBe(7);
  expect(written[0]).toBe("… Fetching\n");
  expect(written[1]).toMatch(/^✓ Fetching: done in \d+ms\n$/);
});

test("a long step says what it is at, also without a terminal", async () => {
  vi.useFakeTimers();
  try {
    const { written, output } = record(false);
    const done = Promise.withResolvers<void>();
    const step = new Steps(output).run("Building", async ({ detail }) => {
      detail("unpacking");
      await done.promise;
    });
    await vi.advanceTimersByTimeAsync(15_000);
    done.resolve();
    await step;
    expect(written[1]).toBe("… Building: 15s, unpacking\n");
  } finally {
    vi.useRealTimers();
  }
});

test("on a terminal one line is rewritten and never wraps", async () => {
  const { written, output } = record(true);
  await new Steps(output).run("Building", async ({ detail }) => detail("x".repeat(200)));
  const [live, final] = written as [string, string];
  expect(live.startsWith("\r\x1b[K… Building")).toBe(true);
  expect(live.length - "\r\x1b[K".length).toBeLessThan(40);
  expect(final).toMatch(/✓ Building: done in \d+ms\n$/);
});

test("a step that fails says so and hands the error on", async () => {
  const { written, output } = record(false);
  const failing = new Steps(output).run("Fetching", async () => {
    throw new Error("no route");
  });
  await expect(failing).rejects.toThrow("no route");
  expect(written[1]).toMatch(/^✗ Fetching: failed after/);
});
