/** What this node turned out to be. Only what is equal on equal nodes: facts name the environment, not the node. */

import { availableParallelism, cpus, release } from "node:os";
import type { Link } from "#node/link";

/** Settings of the server that move the figures. Those a server does not have are left out. */
const VARIABLES = [
  "version",
  "version_comment",
  "innodb_buffer_pool_size",
  "innodb_log_file_size",
  "innodb_redo_log_capacity",
  "innodb_flush_log_at_trx_commit",
  "innodb_use_native_aio",
  "innodb_flush_method",
  "max_heap_table_size",
  "max_connections",
  "log_bin",
  "performance_schema",
  "skip_name_resolve",
  "thread_handling",
];

export async function readFacts(own: Link): Promise<Record<string, string>> {
  const names = VARIABLES.map(() => "?").join(", ");
  const variables = await own.query<{ Variable_name: string; Value: string }>(
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${names})`,
    VARIABLES,
  );
  return {
    kernel: release(),
    cpu_model: cpus()[0]?.model ?? "unknown",
    cpus_visible: String(availableParallelism()),
    node_version: process.version,
    ...Object.fromEntries(variables.map(({ Variable_name, Value }) => [`database_${Variable_name}`, Value])),
  };
}
