/** What every kind of environment has to offer. One file per provider beside this one; all pass one contract suite. */

import type { EngineFence } from "#activities/fence/fence-mark";
import type { DatabaseSizing, NodeHandle, PreparedEnvironment, RunSpec } from "#model/run";
import type { Environment, ProviderName } from "#model/spec";

/** One node to create. No secret is in it: the worker's password goes in as its verifier only. */
export interface NodeSpec {
  /** From 1. */
  readonly index: number;
  /** UTC, ISO 8601: the node ends itself then. */
  readonly deadlineAt: string;
  /** SHA1(SHA1(password)) in mysql_native_password's notation. */
  readonly workerVerifier: string;
  readonly sizing: DatabaseSizing;
}

export type NodeState =
  | { readonly state: "running" }
  /** Paused or suspended from outside. */
  | { readonly state: "paused" }
  /** `exitCode` is `null` where the provider cannot tell; see `NODE_EXIT`. */
  | { readonly state: "exited"; readonly exitCode: number | null; readonly outOfMemory: boolean }
  | { readonly state: "missing" };

/** Something of ours on a host, found by its labels. */
export interface LabelledResource {
  readonly kind: "container" | "network" | "volume" | "vm" | "disk" | "folder" | "interface" | "process";
  readonly id: string;
  readonly name: string;
  readonly runId: string;
  readonly host: string;
  /** UTC, ISO 8601. */
  readonly deadlineAt: string;
  /** The node's index, from 1; absent on what the nodes of a run share. */
  readonly node?: number;
}

/** What a host has its providers by: an environment's provider, or the one of the engine in its VM. */
export type ProviderKey = ProviderName | "docker in a VM";

export const providerKeyOf = ({ provider, inside }: Pick<Environment, "provider" | "inside">): ProviderKey =>
  inside === "vm" ? "docker in a VM" : provider;

/** Creates and removes the machines of a run. Every call may come twice, from two workers, and may be cut off anywhere. */
export interface NodeProvider {
  readonly name: ProviderName;

  /** Where nodes are made by an engine that others, also on other machines, may use: who has it now. */
  readonly fence?: EngineFence;

  /** How many nodes of a run it is asked for at once; absent: all, since it bounds itself what it does at once. */
  readonly nodesAtOnce?: number;

  /**
   * Looks the image up and records what the environment is. Creates nothing.
   * @throws {BenchError} `image` when it is missing here or made for another architecture; `engine unavailable`.
   */
  prepareEnvironment(environment: Environment): Promise<PreparedEnvironment>;

  /**
   * Creates what the nodes of a run share, such as its network; adopts it where it exists.
   * @throws {BenchError} `address pool`, `capacity`, `name taken`.
   */
  ensureRun(run: RunSpec, deadlineAt: string, signal: AbortSignal): Promise<void>;

  /**
   * Creates and starts one node; adopts the node of this run and index where it exists. Does not wait for its database.
   * @throws {BenchError} `image`, `name taken` (a foreign resource is never touched), `capacity`.
   */
  ensureNode(run: RunSpec, node: NodeSpec, signal: AbortSignal): Promise<NodeHandle>;

  /** One state per handle, in the same order. */
  inspectNodes(run: RunSpec, nodes: readonly NodeHandle[]): Promise<NodeState[]>;

  /**
   * What a node printed, oldest first, at most the last MiB.
   * @throws {BenchError} `node lost` where it is gone.
   */
  readLogs(runId: string, nodeIndex: number): Promise<string>;

  /**
   * Removes all that is labelled with the run and this host, also what a lost worker left; returns how many. Nothing else
   * is touched, the fence neither.
   */
  destroyRun(runId: string): Promise<number>;

  /** Everything there that carries Meshbench's labels, in every state, whosever it is; the fence is no part of it. */
  listLabelled(): Promise<LabelledResource[]>;

  /** Ends the session with the host, where there is such a thing. */
  close?(): Promise<void>;
}
