/** The connections of a node: to its own database, to every other, and to the master's for barrier and finalise. */

import { getServers } from "node:dns";
import { lookup } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";
import pLimit from "p-limit";
import { BenchError } from "#model/errors";
import { DATABASE_NAME, DATABASE_PORT, PEER_ACCOUNT } from "#model/node-protocol";
import type { Assignment, Peer } from "#model/node-protocol";
import type { DataTable } from "#model/node-tables";
import type { Client } from "#model/spec";
import { connectionFailure } from "#node/failure";
import { Link } from "#node/link";
import { retryUntil } from "#node/retry";

/** Inserts into the own database under way at once: while one is acknowledged, the server already has the next. */
const LOCAL_LINKS = { batched: 2, literal: 1 } as const;
/** A server keeps only so many connections waiting to be accepted, and all nodes come at the same time. */
const CONNECTING_AT_ONCE = 8;
/** A database that needs longer for `SELECT 1` is one to be named when the sync fails. */
const ANSWER_WITHIN_MS = 1_000;

export interface Mesh {
  /** To the own database, by socket. The first is the node's control connection too. */
  readonly local: readonly Link[];
  /** Where each tuple goes N−1 times more: the peers, or in `baseline` the own database as copies 1..N−1. */
  readonly remote: readonly Link[];
  readonly master: Link;
  /** A connection to each database there is one to, by node index. */
  readonly databases: ReadonlyMap<number, Link>;
}

interface Destination {
  readonly peer: Peer;
  readonly copy: number;
}

/**
 * Connects to everything, trying again until the deadline.
 * @throws {BenchError} `sync`, or `dns` where a name has no address: which database, and what it said.
 */
export async function connectMesh(assignment: Assignment, own: Link, deadlineUs: number): Promise<Mesh> {
  const { mode, masterIndex, nodeIndex } = assignment;
  const open = (destination: Destination) => openLink(assignment, destination, deadlineUs);
  const destinations = remoteDestinations(assignment);
  const [local, remote] = await Promise.all([openLocal(assignment, own, deadlineUs), openAll(destinations, open)]);
  const databases = new Map([[nodeIndex, own]]);
  if (mode === "replicated") {
    for (const [i, link] of remote.entries()) databases.set((destinations[i] as Destination).peer.index, link);
  }
  const master = databases.get(masterIndex) ?? (await open({ peer: peerOf(assignment, masterIndex), copy: 0 }));
  return { local, remote, master, databases: databases.set(masterIndex, master) };
}

/** From now on rows go to this table. Only the literal client sends single rows to peers. */
export async function prepareInserts(table: DataTable, client: Client, { local, remote }: Mesh): Promise<void> {
  const links = client === "literal" ? [...local, ...remote] : local;
  await Promise.all(links.map((link) => link.prepareInserts(table)));
}

/** Names the databases that do not answer now, by their links' labels. */
export async function silentDatabases({ local, remote, master }: Mesh): Promise<string[]> {
  const links = [...new Set([...local, ...remote, master])];
  const answers = await Promise.all(
    links.map((link) => Promise.race([link.query("SELECT 1"), delay(ANSWER_WITHIN_MS)]).catch(() => undefined)),
  );
  return [...new Set(links.filter((_, i) => answers[i] === undefined).map(({ target }) => target.label))];
}

/** What a database has to allow: N−1 peers, two from its own node, one worker; the master's in `baseline` N−1 more. */
const connectionsNeeded = ({ mode, peers }: Pick<Assignment, "mode" | "peers">): number =>
  mode === "baseline" ? 2 * peers.length + 1 : peers.length + 2;

/** Each node begins with its successor, so that not all of them flush to the same peer first. */
function remoteDestinations({ mode, peers, nodeIndex }: Assignment): Destination[] {
  const byIndex = peers.toSorted((a, b) => a.index - b.index);
  const own = byIndex.findIndex(({ index }) => index === nodeIndex);
  const others = [...byIndex.slice(own + 1), ...byIndex.slice(0, own)];
  return others.map((peer, i) =>
    mode === "replicated" ? { peer, copy: 0 } : { peer: byIndex[own] as Peer, copy: i + 1 },
  );
}

function peerOf({ peers }: Assignment, index: number): Peer {
  const peer = peers.find((candidate) => candidate.index === index);
  if (!peer) throw new BenchError("bug", `the assignment has no node ${index}`);
  return peer;
}

async function openLocal(assignment: Assignment, own: Link, deadlineUs: number): Promise<Link[]> {
  const label = `node ${assignment.nodeIndex} (its own database)`;
  const openOne = () =>
    Link.openUntil(own.target, deadlineUs).catch((error) => failToConnect(label, assignment, error));
  return [own, ...(await Promise.all(Array.from({ length: LOCAL_LINKS[assignment.client] - 1 }, openOne)))];
}

/** All are tried to the end, so that the failure tells how many databases are out of reach. */
async function openAll(
  destinations: readonly Destination[],
  open: (destination: Destination) => Promise<Link>,
): Promise<Link[]> {
  const limit = pLimit(CONNECTING_AT_ONCE);
  const outcomes = await Promise.allSettled(destinations.map((destination) => limit(open, destination)));
  const failures = outcomes
    .filter((outcome) => outcome.status === "rejected")
    .map(({ reason }) => reason as BenchError);
  const [first] = failures;
  if (!first) return outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  if (failures.length === 1) throw first;
  throw new BenchError(first.kind, `${first.message} (and ${failures.length - 1} more)`, {}, { cause: first });
}

async function openLink(assignment: Assignment, { peer, copy }: Destination, deadlineUs: number): Promise<Link> {
  const { masterIndex, nodeIndex, resolve, peerPassword } = assignment;
  const label = `node ${peer.index} (${resolve === "names" ? peer.hostname : peer.address})`;
  try {
    const host = resolve === "names" ? await retryUntil(deadlineUs, () => addressOf(peer.hostname)) : peer.address;
    const account = { user: PEER_ACCOUNT, password: peerPassword, database: DATABASE_NAME };
    const isMaster = peer.index === masterIndex;
    const lostKind = peer.index === nodeIndex ? "db crash" : isMaster ? "master lost" : "node lost";
    return await Link.openUntil({ ...account, host, port: DATABASE_PORT, label, lostKind, copy }, deadlineUs);
  } catch (error) {
    return failToConnect(label, assignment, error);
  }
}

async function addressOf(hostname: string): Promise<string> {
  try {
    return (await lookup(hostname, { family: 4 })).address;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const servers = getServers().join(", ");
    throw new BenchError("dns", `${hostname} has no address: ${code} from ${servers}`, {}, { cause: error });
  }
}

function failToConnect(label: string, assignment: Assignment, error: unknown): never {
  if (error instanceof BenchError) throw error;
  if ((error as { code?: string }).code !== "ER_CON_COUNT_ERROR") throw connectionFailure("sync", label, error);
  const needed = `need max_connections >= ${connectionsNeeded(assignment)}`;
  throw new BenchError("sync", `too many connections at ${label}, ${needed}`, {}, { cause: error });
}
