/**
 * How large a node's database has to be for N·K rows, from figures measured on MariaDB 10.11 with the node image's flags.
 * Sizes depend on the load only, never on mode or environment: arms that are compared get the same.
 */

import type { DatabaseSizing, Point } from "#model/run";

/** Upper end of what a row took (77 to 150 bytes), in InnoDB's pages as in a MEMORY table. */
const BYTES_PER_ROW = 150;
const BYTES_PER_MIB = 2 ** 20;

/** InnoDB slows down twofold where the table outgrows the pool; half of it leaves room for undo and change buffer. */
const POOL_PER_TABLE = 2;
/** The least the server was seen to start with reliably. */
const POOL_LEAST_MIB = 16;

/** With less, checkpoints force pages out during the main loop. */
const REDO_LEAST_MIB = 48;
const REDO_BYTES_PER_ROW = 200;
/** From here on checkpoints are spread out enough; more would only take memory from the node. */
const REDO_MOST_MIB = 512;
/** `engine: memory` writes redo for the coordination table only. */
const REDO_WITHOUT_INNODB_MIB = 8;

/** The prepared data directory without its redo log. */
const DATA_DIRECTORY_MIB = 24;
/** Undo, temporary tables, and what the file system itself takes. */
const RAM_DISK_SPARE_MIB = 16;
const TABLE_GROWTH = 1.25;
const HEAP_TABLE_LEAST_MIB = 16;

/** The server beside its pool, and a connection of each node; the node program. Measured: 40 and 45 MB. */
const SERVER_MIB = 64;
const PROGRAM_MIB = 64;
const CONNECTION_MIB = 0.5;

export interface SizedLoad extends Pick<Point, "nodes" | "ratePerMin" | "engine"> {
  /** N·K. */
  readonly rowsPerDatabase: number;
  readonly warmupSec: number;
}

export function sizeDatabase(load: SizedLoad): DatabaseSizing {
  const tableMib = tableSizeMib(load.rowsPerDatabase);
  if (load.engine === "memory") {
    return {
      bufferPoolMib: POOL_LEAST_MIB,
      redoLogMib: REDO_WITHOUT_INNODB_MIB,
      ramDiskMib: DATA_DIRECTORY_MIB + REDO_WITHOUT_INNODB_MIB + RAM_DISK_SPARE_MIB,
      // Each of the two tables for itself; a short run may have more rows of warm-up than of its own.
      heapTableMib: Math.max(HEAP_TABLE_LEAST_MIB, grown(Math.max(load.rowsPerDatabase, warmupRowsOf(load)))),
    };
  }
  const redoMib = Math.ceil((load.rowsPerDatabase * REDO_BYTES_PER_ROW) / BYTES_PER_MIB);
  const redoLogMib = Math.min(REDO_MOST_MIB, Math.max(REDO_LEAST_MIB, redoMib));
  return {
    bufferPoolMib: Math.max(POOL_LEAST_MIB, Math.ceil(tableMib * POOL_PER_TABLE)),
    redoLogMib,
    ramDiskMib: DATA_DIRECTORY_MIB + redoLogMib + tablesMib(load) + RAM_DISK_SPARE_MIB,
    heapTableMib: HEAP_TABLE_LEAST_MIB,
  };
}

/** All that counts against a node's memory limit; what lies on its RAM disk does too. */
export function memoryNeededMib(load: SizedLoad, sizing: DatabaseSizing): number {
  const processesMib = SERVER_MIB + PROGRAM_MIB + 2 * load.nodes * CONNECTION_MIB;
  const heapMib = load.engine === "memory" ? tablesMib(load) : 0;
  return Math.ceil(processesMib + sizing.bufferPoolMib + sizing.ramDiskMib + heapMib);
}

/** Tuples and the scratch rows of the warm-up. */
const tablesMib = (load: SizedLoad): number => grown(load.rowsPerDatabase + warmupRowsOf(load));

/** They stay: a node has no right to drop a table, and to delete them would cost more than to keep them. */
const warmupRowsOf = ({ nodes, ratePerMin, warmupSec }: SizedLoad): number => (nodes * ratePerMin * warmupSec) / 60;

/** A table of so many rows, in MiB, with room to grow. */
const grown = (rows: number): number => Math.ceil(tableSizeMib(rows) * TABLE_GROWTH);

const tableSizeMib = (rows: number): number => (rows * BYTES_PER_ROW) / BYTES_PER_MIB;
