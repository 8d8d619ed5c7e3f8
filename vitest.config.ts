import { defineConfig } from "vitest/config";

/**
 * `fast`: pure functions and fakes, in parallel, no set-up. `real`: real Docker, MariaDB and Temporal, one file at a time,
 * since two runs never share a host. A real test's file ends in `.real.test.ts`. `chaos`: faults on real parts, by
 * `npm run chaos`; rows in files that end in `.ci.chaos.test.ts` are quick enough to be among the real tests as well.
 */
const REAL = { fileParallelism: false, testTimeout: 180_000, hookTimeout: 120_000 };

// oxlint-disable-next-line import/no-default-export -- vitest reads it
export default defineConfig({
  test: {
    projects: [
      { test: { name: "fast", include: ["test/**/*.test.ts"], exclude: ["test/**/*.{real,chaos}.test.ts"] } },
      { test: { name: "real", include: ["test/**/*.{real,ci.chaos}.test.ts"], ...REAL } },
      // One row may wait for a reaper or a deadline for minutes.
      { test: { name: "chaos", include: ["test/**/*.chaos.test.ts"], ...REAL, testTimeout: 900_000 } },
    ],
  },
});
