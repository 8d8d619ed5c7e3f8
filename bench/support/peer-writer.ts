/**
 * Sends batches to one database as fast as it takes them, with the node program's own parts:
 *
 *     node bench/support/peer-writer.ts ADDRESS USER BATCHES ROWS    (password in PEER_PASSWORD)
 *
 * Prints the seconds that took. Warm before it counts, as the node program is after its warm-up.
 */

import { randomBytes } from "node:crypto";
import { DATABASE_NAME, DATABASE_PORT } from "#model/node-protocol";
import type { DataTable } from "#model/node-tables";
import { TupleStream } from "#model/tuples";
import { nowUs, secondsBetween } from "#node/clock";
import { Link } from "#node/link";
import { RowsStatement } from "#node/statements";

const WARMUP_BATCHES = 300;
const CONNECT_WITHIN_US = 5_000_000;

const [host = "", user = "", batches, rows] = process.argv.slice(2);
const password = process.env["PEER_PASSWORD"] ?? "";
const target = { label: "peer", host, port: DATABASE_PORT, user, password, database: DATABASE_NAME };
const link = await Link.openUntil({ ...target, lostKind: "node lost", copy: 0 }, nowUs() + CONNECT_WITHIN_US);
const tuples = new TupleStream(randomBytes(16).toString("hex"));

/** One statement in flight, as the main loop has it. */
function write(table: DataTable, left: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const next = (failure?: Error): void => {
      if (failure) return reject(failure);
      if (left-- === 0) return resolve();
      return link.insertRows(new RowsStatement(table, tuples.take(Number(rows))), next);
    };
    next();
  });
}

await write("warmup", WARMUP_BATCHES);
const startedUs = nowUs();
await write("tuple", Number(batches));
console.log(secondsBetween(startedUs, nowUs()));
link.close();
