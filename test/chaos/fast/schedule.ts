/** What a schedule is: a world, what is asked of it, and what goes wrong when. All of it is data, so that it can shrink. */

import * as fc from "fast-check";

export const FAULT_KINDS = [
  "worker killed",
  "worker stands still",
  "server down",
  "history lost",
  "run terminated",
  "sweep terminated",
  "queue terminated",
  "run cancelled",
  "sweep cancelled",
  "sweep paused",
  "node killed",
  "node removed",
  "node paused",
  "engine away",
  "engine restarted",
  "engine stumbles",
  "reaper by hand",
  "two reapers at once",
  "reaper killed",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault {
  readonly kind: FaultKind;
  /** Before which of the world's events, from its beginning. */
  readonly atEvent: number;
  /** Picks the victim out of those there are then. */
  readonly victim: number;
  /** For what does not end at once. */
  readonly lastsSec: number;
}

export interface SweepPlan {
  readonly host: 0 | 1;
  readonly modes: 1 | 2;
  readonly repetitions: 1 | 2;
  readonly priority: number;
  readonly startsAtSec: number;
  readonly keepsFailed: boolean;
  readonly isInterleaved: boolean;
}

export interface Schedule {
  /** Of latencies, and of who is first. */
  readonly seed: number;
  readonly sweeps: readonly SweepPlan[];
  /** Two hosts: on a machine each, or with an engine each on one machine. */
  readonly hosts: "one" | "two machines" | "two engines";
  /** Another installation, with its own Temporal, asks for the first engine as well, from there or from elsewhere. */
  readonly rival: "none" | "same machine" | "same engine";
  readonly hasSpareWorker: boolean;
  readonly continueAsNewAfter: number;
  readonly skewsMs: readonly number[];
  readonly faults: readonly Fault[];
}

const fault: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constantFrom(...FAULT_KINDS),
  atEvent: fc.nat(800),
  victim: fc.nat(7),
  // Now and then for longer than any deadline.
  lastsSec: fc.oneof(
    { weight: 7, arbitrary: fc.integer({ min: 1, max: 90 }) },
    { weight: 1, arbitrary: fc.integer({ min: 91, max: 1200 }) },
  ),
});

const sweep: fc.Arbitrary<SweepPlan> = fc.record({
  host: fc.constantFrom(0, 1),
  modes: fc.constantFrom(1, 1, 2),
  repetitions: fc.constantFrom(1, 1, 2),
  priority: fc.nat(2),
  startsAtSec: fc.nat(40),
  keepsFailed: fc.boolean(),
  isInterleaved: fc.boolean(),
});

export const anySchedule: fc.Arbitrary<Schedule> = fc.record({
  seed: fc.nat(2 ** 31 - 1),
  sweeps: fc.array(sweep, { minLength: 1, maxLength: 3 }),
  hosts: fc.constantFrom("one", "two machines", "two engines"),
  rival: fc.constantFrom("none", "same machine", "same engine"),
  hasSpareWorker: fc.boolean(),
  continueAsNewAfter: fc.constantFrom(20, 45, 10_000),
  skewsMs: fc.array(fc.integer({ min: -4000, max: 4000 }), { minLength: 1, maxLength: 3 }),
  faults: fc.array(fault, { maxLength: 6 }),
});
