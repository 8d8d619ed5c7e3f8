/** The table in the master's database where nodes meet, and the master's `run` row that opens the barrier. */

import { nowUs } from "#node/clock";
import { DATABASE_US_SQL, readingOf } from "#node/database-clock";
import type { ClockReading } from "#node/database-clock";
import type { Link } from "#node/link";

/** What one poll sees. */
export interface CoordinationView {
  /** Nodes whose row is there. */
  readonly present: number;
  /** When the barrier opens or opened, on the master's clock; sticky. */
  readonly releasedAtUs: number | null;
  /** The master's clock, for free. */
  readonly clock: ClockReading;
}

/** Every call may be repeated: a broken connection is replaced under it. */
export interface Coordination {
  enter(): Promise<void>;
  look(): Promise<CoordinationView>;
  presentNodes(): Promise<number[]>;
  /** Opens the barrier that long from now on the master's clock, unless someone has. */
  release(leadUs: number): Promise<void>;
  leave(): Promise<void>;
}

export function createCoordination(master: Link, runId: string, nodeIndex: number): Coordination {
  return {
    async enter() {
      await master.query("INSERT IGNORE INTO coordination (run_id, node_index) VALUES (?, ?)", [runId, nodeIndex]);
    },

    async look() {
      const sentUs = nowUs();
      const [row] = await master.query<{ present: number; releasedAtUs: number | null; databaseUs: number }>(
        `SELECT (SELECT COUNT(*) FROM coordination WHERE run_id = ?) AS present,
          (SELECT released_at_us FROM run WHERE run_id = ?) AS releasedAtUs, ${DATABASE_US_SQL} AS databaseUs`,
        [runId, runId],
      );
      if (!row) throw new Error("a SELECT without FROM gave no row");
      const clock = readingOf(sentUs, nowUs(), row.databaseUs);
      return { present: row.present, releasedAtUs: row.releasedAtUs, clock };
    },

    async presentNodes() {
      const rows = await master.query<{ node: number }>(
        "SELECT node_index AS node FROM coordination WHERE run_id = ? ORDER BY node_index",
        [runId],
      );
      return rows.map(({ node }) => node);
    },

    async release(leadUs) {
      await master.query(
        `UPDATE run SET released_at_us = ${DATABASE_US_SQL} + ? WHERE run_id = ? AND released_at_us IS NULL`,
        [Math.round(leadUs), runId],
      );
    },

    async leave() {
      await master.query("DELETE FROM coordination WHERE run_id = ? AND node_index = ?", [runId, nodeIndex]);
    },
  };
}
