import { defineConfig } from "vitest/config";

/**
 * `fast`: pure functions and fakes, in parallel, no set-up. `real`: real Docker, MariaDB and Temporal, one file at a time,
 * since two runs never share a host. A real test's file ends in `.real.test.ts`.
 */
// oxlint-disable-next-line import/no-default-export -- vitest reads it
export default defineConfig({
  test: {
    projects: [
      { test: { name: "fast", include: ["test/**/*.test.ts"], exclude: ["test/**/*.real.test.ts"] } },
      {
        test: {
          name: "real",
          include: ["test/**/*.real.test.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
