/** The columns by which sweeps, runs and hosts are found in Temporal, as plain data: name and type. */

export const SEARCH_ATTRIBUTES = {
  MeshbenchSweep: "Keyword",
  /** `QUEUED`, `RUNNING`, then the run's `RunStatus`; of a sweep `OPEN` or `PAUSED`, then `DONE` or `CANCELLED`. */
  MeshbenchStatus: "Keyword",
  MeshbenchEnvironment: "Keyword",
  MeshbenchHost: "Keyword",
  MeshbenchNodes: "Int",
  MeshbenchRate: "Int",
} as const satisfies Record<string, "Keyword" | "Int">;
