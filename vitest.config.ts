import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/**
 * Rings, one after the other. A file's name says which one it is in:
 *
 * - `NAME.test.ts`: pure functions and fakes, no set-up.
 * - `NAME.real.test.ts`: real Docker, MariaDB and Temporal. Two at a time: such a test shares the machine.
 * - `NAME.alone.test.ts`: those that measure, or hold a host as runs do. One at a time, since two runs never share a host.
 * - `NAME.chaos.test.ts`: faults on real parts, by `npm run chaos`. In files that end in `.ci.chaos.test.ts` they are quick
 *   enough to be among the tests that run alone as well.
 */
const REAL = { testTimeout: 180_000, hookTimeout: 120_000 };
const ALONE = { ...REAL, fileParallelism: false };
const ring = (groupOrder: number) => ({ sequence: { groupOrder } });

// oxlint-disable-next-line import/no-default-export -- vitest reads it
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.{real,alone,chaos}.test.ts"],
          maxWorkers: availableParallelism(),
          ...ring(1),
        },
      },
      { test: { name: "real", include: ["test/**/*.real.test.ts"], maxWorkers: 2, ...REAL, ...ring(2) } },
      { test: { name: "alone", include: ["test/**/*.{alone,ci.chaos}.test.ts"], ...ALONE, ...ring(3) } },
      // One row may wait for a reaper or a deadline for minutes.
      { test: { name: "chaos", include: ["test/**/*.chaos.test.ts"], ...ALONE, testTimeout: 900_000, ...ring(4) } },
    ],
  },
});
