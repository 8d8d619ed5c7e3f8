/** Clocks that are wrong, for one program and what it starts: libfaketime, Debian's package `faketime`. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const LIBRARIES = "/usr/lib";
const LIBRARY = "faketime/libfaketime.so.1";

export interface FakeClock {
  /** As libfaketime has it: `+300s`, `x1.05`. */
  readonly spec: string;
  /** The clock that durations are measured with as well, not only the wall clock. */
  readonly isMonotonicToo?: boolean;
}

/** @throws Where the package is not installed. */
export function fakeTimeLibrary(): string {
  const path = readdirSync(LIBRARIES)
    .map((name) => join(LIBRARIES, name, LIBRARY))
    .find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error("libfaketime is not installed: apt-get install faketime");
  return path;
}

/** @param library - Where it is for the program. */
export const fakeClockEnvironment = ({ spec, isMonotonicToo = false }: FakeClock, library = fakeTimeLibrary()) => ({
  LD_PRELOAD: library,
  FAKETIME: spec,
  FAKETIME_DONT_FAKE_MONOTONIC: isMonotonicToo ? "0" : "1",
});
