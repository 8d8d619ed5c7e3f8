/** The control channel: how the worker talks to a node once its database answers. No ssh, no exec. */

import type { Assignment, NodeProgress, NodeResult } from "#model/node-protocol";
import type { DatabaseProof, NodeHandle } from "#model/run";

export interface NodeDatabase {
  /** True once the worker's account can log in. False while the server does not answer yet. Never waits over 5 s. */
  answers(node: NodeHandle): Promise<boolean>;

  /**
   * Creates the tables and the peers' account on a node. Before any `assign`, it is called for all nodes, since peers
   * write to each other from their warm-up on. Safe to repeat: a node that has its work is left alone.
   */
  prepareTables(node: NodeHandle, assignment: Assignment): Promise<void>;

  /** Hands the node program its work. Safe to repeat: the first assignment of a run stays. */
  assign(node: NodeHandle, assignment: Assignment): Promise<void>;

  /**
   * @throws {BenchError} `protocol` where the node speaks another version.
   * @throws {Error} The driver's error where the database does not answer; callers decide by the node's state.
   */
  readProgress(node: NodeHandle): Promise<NodeProgress>;

  /** @throws {BenchError} `protocol` where the node speaks another version, or what it tells is no result. */
  readResult(node: NodeHandle): Promise<NodeResult>;

  /** Counts and digests the tuple table in SQL. */
  prove(node: NodeHandle): Promise<DatabaseProof>;

  /** Closes what is open. */
  close(): Promise<void>;
}

/** Opens the control channel of one run; the password is derived from the host's secret and the run id. */
export type OpenNodeDatabase = (runId: string) => NodeDatabase;
