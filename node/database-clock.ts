/** Where the clocks of databases stand, seen from the node's own. The reading with the smallest round trip is the best. */

import type { ClockSample } from "#model/node-protocol";
import { nowUs } from "#node/clock";
import type { Link } from "#node/link";

/** Microseconds since 1970, when the server evaluates it. */
export const DATABASE_US_SQL = "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)";

const READINGS = 5;
/** An estimate goes by the last few readings, so that a clock that was set meanwhile does not mislead it for long. */
const REMEMBERED = 16;

export interface ClockReading {
  /** Middle of the round trip. */
  readonly monotonicUs: number;
  readonly databaseUs: number;
  readonly roundTripUs: number;
}

export const readingOf = (sentUs: number, receivedUs: number, databaseUs: number): ClockReading => ({
  monotonicUs: (sentUs + receivedUs) / 2,
  databaseUs,
  roundTripUs: receivedUs - sentUs,
});

/** Maps instants between one database's clock and the own one. */
export class DatabaseClock {
  #readings: readonly ClockReading[];

  constructor(first: ClockReading) {
    this.#readings = [first];
  }

  add(reading: ClockReading): void {
    this.#readings = [...this.#readings, reading].slice(-REMEMBERED);
  }

  toDatabaseUs(monotonicUs: number): number {
    const { monotonicUs: then, databaseUs } = bestOf(this.#readings);
    return databaseUs + (monotonicUs - then);
  }

  toMonotonicUs(databaseUs: number): number {
    const best = bestOf(this.#readings);
    return best.monotonicUs + (databaseUs - best.databaseUs);
  }

  /** The most that a mapped instant can be off. */
  get errorUs(): number {
    return bestOf(this.#readings).roundTripUs / 2;
  }

  /** How much round trips differ. */
  get spreadUs(): number {
    const roundTrips = this.#readings.map(({ roundTripUs }) => roundTripUs);
    return Math.max(...roundTrips) - Math.min(...roundTrips);
  }
}

/** One sample for each database, the best of a few. */
export function sampleClocks(databases: ReadonlyMap<number, Link>): Promise<ClockSample[]> {
  return Promise.all(
    Array.from(databases, async ([peer, link]) => {
      const readings: ClockReading[] = [];
      while (readings.length < READINGS) readings.push(await readClock(link));
      const { monotonicUs, databaseUs, roundTripUs } = bestOf(readings);
      return { peer, monotonicUs: Math.round(monotonicUs), databaseUs, roundTripUs: Math.round(roundTripUs) };
    }),
  );
}

async function readClock(link: Link): Promise<ClockReading> {
  const sentUs = nowUs();
  const [row] = await link.query<{ databaseUs: number }>(`SELECT ${DATABASE_US_SQL} AS databaseUs`);
  return readingOf(sentUs, nowUs(), Number(row?.databaseUs));
}

function bestOf(readings: readonly ClockReading[]): ClockReading {
  return readings.reduce((best, reading) => (reading.roundTripUs < best.roundTripUs ? reading : best));
}
