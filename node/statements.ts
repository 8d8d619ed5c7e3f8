/** The SQL that carries tuples. */

import type { DataTable } from "#model/node-tables";
import { KEY_BYTES } from "#model/tuples";
import type { TupleBatch } from "#model/tuples";

const COLUMNS = "(tuple_key, tuple_value, tuple_copy)";
const HEX_DIGITS = 2 * KEY_BYTES;

/** One row, prepared: key and value are parameters. */
export const insertRowSql = (table: DataTable, copy: number): string =>
  `INSERT INTO ${table} ${COLUMNS} VALUES (?, ?, ${copy})`;

/**
 * A batch as one multi-row statement. Encoded once however many peers take it: in `replicated` all get the very same
 * text, in `baseline` only the copy differs.
 */
export class RowsStatement {
  readonly #table: DataTable;
  readonly #tuples: TupleBatch;
  #copy = -1;
  #insertText = "";

  constructor(table: DataTable, tuples: TupleBatch) {
    this.#table = table;
    this.#tuples = tuples;
  }

  /** A duplicate key is an error: nobody else writes these tuples. */
  insert(copy: number): string {
    if (copy !== this.#copy) {
      this.#copy = copy;
      this.#insertText = `INSERT INTO ${this.#table} ${COLUMNS} VALUES ${rowsText(this.#tuples, copy)}`;
    }
    return this.#insertText;
  }

  /** For a batch whose first sending has an unknown outcome: rows that arrived then are passed over. */
  insertMissing(copy: number): string {
    return `INSERT IGNORE INTO ${this.#table} ${COLUMNS} VALUES ${rowsText(this.#tuples, copy)}`;
  }
}

/** `(x'00…0f',42,0),(…)` */
function rowsText({ count, keys, values }: TupleBatch, copy: number): string {
  const hex = keys.toString("hex");
  let text = "";
  for (let i = 0; i < count; i++) {
    if (i > 0) text += ",";
    text += `(x'${hex.slice(i * HEX_DIGITS, (i + 1) * HEX_DIGITS)}',${values[i]},${copy})`;
  }
  return text;
}
