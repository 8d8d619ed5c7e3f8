/**
 * Who may measure on a host, and who is next. A pure state machine; `workflows/host-queue.ts` feeds it and acts on it.
 *
 * ```
 *            first in line wants it           holder released or ended
 *   free ──────────────────────────▶ leased ──────────────────────────▶ draining
 *    ▲                                                                    │
 *    └──────────────────────────── proven clean ──────────────────────────┘
 * ```
 * A new queue starts as draining: nobody has proven the host clean yet.
 *
 * A sweep has one place in line for its whole life and measures run after run from it, so that another sweep does not slip
 * in between two of its runs. The host waits for the first place in line, also in the moment between two runs.
 *
 * A paused sweep stands aside: everyone passes it, and when it comes back it has the rank of its arrival again. A run that
 * was interrupted and waits for the host where its own nodes still are goes before all others: they keep the host occupied.
 */

/** The workflow type, the signals and the query by which activities, which cannot import workflows, reach the queue. */
export const HOST_QUEUE_WORKFLOW = "hostQueueWorkflow";
export const REQUEST_HOST_SIGNAL = "requestHost";
export const STAND_ASIDE_SIGNAL = "standAside";
export const GET_HOST_QUEUE_QUERY = "getHostQueue";

/** All times are UTC, ISO 8601; all ids but `runId` are workflow ids. */
export interface HostRequest {
  /** Whose place in line it is: the sweep, or the run itself where it has none. */
  readonly owner: string;
  /** The run that wants the host. */
  readonly holder: string;
  /** Greater goes first; equal ones as they arrived. */
  readonly priority: number;
  /** When the owner began. */
  readonly arrivedAt: string;
  /** How long the run takes by its plan. */
  readonly estimatedSec: number;
  /** And what the owner measures here after it. */
  readonly laterSec: number;
}

export interface Place {
  readonly owner: string;
  readonly priority: number;
  readonly arrivedAt: string;
  /** Breaks ties of `arrivedAt`. */
  readonly ticket: number;
  /** The run that waits at this place; absent between two runs of a sweep. */
  readonly wanted?: { readonly holder: string; readonly since: string; readonly estimatedSec: number };
  /** What the owner measures here beside the run that waits or measures, by its plan. */
  readonly laterSec: number;
}

type HostState =
  | { readonly state: "free" }
  | {
      readonly state: "leased";
      readonly holder: string;
      readonly owner: string;
      readonly since: string;
      readonly estimatedSec: number;
    }
  /** `left`: what the last proof still found, a line each. */
  | { readonly state: "draining"; readonly since: string; readonly left: readonly string[] };

export interface HostQueue {
  readonly host: string;
  readonly now: HostState;
  /** In the order they are served. */
  readonly line: readonly Place[];
  readonly nextTicket: number;
  /** Runs whose nodes were left on purpose; forgotten once the host is clean. */
  readonly keptRunIds: readonly string[];
  /** Owners that are paused, in line or not. */
  readonly aside: readonly string[];
}

export type HostQueueEvent =
  | ({ readonly type: "requested" } & HostRequest)
  /** The run is done with the host, or no longer wants it. */
  | { readonly type: "released"; readonly holder: string; readonly keptRunId?: string }
  /** The owner needs no more runs here. */
  | { readonly type: "left"; readonly owner: string }
  /** The owner is paused: nobody waits for it until it comes back. */
  | { readonly type: "stoodAside"; readonly owner: string }
  | { readonly type: "cameBack"; readonly owner: string }
  /** These workflows have ended, whatever they held. */
  | { readonly type: "ended"; readonly workflowIds: readonly string[] }
  /** An answer of the proof that the host is clean, but for the nodes of the `occupant`, a run that waits for it. */
  | { readonly type: "proven"; readonly left: readonly string[]; readonly occupant?: string };

/** `granted`: tell this run that it has the host. It may be told twice. */
interface Step {
  readonly queue: HostQueue;
  readonly granted?: string;
}

export function newHostQueue(host: string, at: string): HostQueue {
  const now = { state: "draining", since: at, left: [] } as const;
  return { host, now, line: [], nextTicket: 1, keptRunIds: [], aside: [] };
}

/** @param at - When it happened, UTC, ISO 8601. An event that says nothing new gives the same object back. */
export function advance(queue: HostQueue, event: HostQueueEvent, at: string): Step {
  // A run that asks again has not heard that it holds the host.
  if (event.type === "requested" && holderOf(queue) === event.holder) return { queue, granted: event.holder };
  const next = leaseToFirst(apply(queue, event, at), at);
  const holder = holderOf(next);
  return holder === undefined || holder === holderOf(queue) ? { queue: next } : { queue: next, granted: holder };
}

export const holderOf = ({ now }: HostQueue): string | undefined => (now.state === "leased" ? now.holder : undefined);

/** Nothing to wait for and nothing to remember: a new queue would be the same. */
export const isIdle = ({ now, line, aside }: HostQueue): boolean =>
  now.state === "free" && line.length === 0 && aside.length === 0;

/** Everyone who could end without saying so. */
export function workflowsToWatch({ now, line, aside }: HostQueue): string[] {
  const holder = now.state === "leased" ? [now.holder] : [];
  const waiting = line.flatMap(({ owner, wanted }) => (wanted === undefined ? [owner] : [owner, wanted.holder]));
  return [...new Set([...holder, ...waiting, ...aside])].sort();
}

function apply(queue: HostQueue, event: HostQueueEvent, at: string): HostQueue {
  switch (event.type) {
    case "requested":
      return request(queue, event, at);
    case "released":
      return release(queue, event, at);
    case "left":
      return leave(queue, [event.owner]);
    case "stoodAside":
      return queue.aside.includes(event.owner) ? queue : { ...queue, aside: [...queue.aside, event.owner] };
    case "cameBack":
      return comeBack(queue, [event.owner]);
    case "ended":
      return event.workflowIds.reduce((rest, holder) => release(rest, { holder }, at), leave(queue, event.workflowIds));
    case "proven":
      return prove(queue, event, at);
  }
}

function request(queue: HostQueue, asked: HostRequest, at: string): HostQueue {
  const { owner, holder, priority, arrivedAt, estimatedSec, laterSec } = asked;
  const place = queue.line.find((other) => other.owner === owner);
  if (place?.wanted?.holder === holder) return queue;
  const wanted = { holder, since: at, estimatedSec };
  // A place keeps its rank: asking again must not move anyone. But an owner that ended and was begun anew arrives anew.
  if (place !== undefined && arrivedAt <= place.arrivedAt) {
    const filled = { ...place, wanted, laterSec };
    return { ...queue, line: queue.line.map((other) => (other === place ? filled : other)) };
  }
  const others = queue.line.filter((other) => other !== place);
  const line = [...others, { owner, priority, arrivedAt, ticket: queue.nextTicket, wanted, laterSec }].sort(byTurn);
  return { ...queue, line, nextTicket: queue.nextTicket + 1 };
}

function release(
  queue: HostQueue,
  { holder, keptRunId }: { holder: string; keptRunId?: string },
  at: string,
): HostQueue {
  const rest = withdraw(queue, holder);
  if (holderOf(queue) !== holder) return rest;
  return {
    ...rest,
    now: { state: "draining", since: at, left: [] },
    keptRunIds: keptRunId === undefined ? rest.keptRunIds : [...rest.keptRunIds, keptRunId],
  };
}

/** The run's own place goes with it; its sweep's place stays, without a run. */
function withdraw(queue: HostQueue, holder: string): HostQueue {
  if (!queue.line.some(({ owner, wanted }) => owner === holder || wanted?.holder === holder)) return queue;
  const line = queue.line
    .filter(({ owner }) => owner !== holder)
    .map((place) => (place.wanted?.holder === holder ? withoutRun(place) : place));
  return { ...queue, line };
}

function leave(queue: HostQueue, owners: readonly string[]): HostQueue {
  const rest = comeBack(queue, owners);
  if (!rest.line.some(({ owner }) => owners.includes(owner))) return rest;
  return { ...rest, line: rest.line.filter(({ owner }) => !owners.includes(owner)) };
}

function comeBack(queue: HostQueue, owners: readonly string[]): HostQueue {
  if (!queue.aside.some((owner) => owners.includes(owner))) return queue;
  return { ...queue, aside: queue.aside.filter((owner) => !owners.includes(owner)) };
}

function prove(
  queue: HostQueue,
  { left, occupant }: { left: readonly string[]; occupant?: string },
  at: string,
): HostQueue {
  if (queue.now.state !== "draining") return queue;
  if (left.length > 0) return { ...queue, now: { ...queue.now, left } };
  const proven: HostQueue = { ...queue, now: { state: "free" }, keptRunIds: [] };
  if (occupant === undefined) return proven;
  const place = queue.line.find(({ wanted }) => wanted?.holder === occupant);
  // It has just gone out of line: the next proof removes what it left.
  if (place === undefined) return { ...queue, now: { ...queue.now, left: [`nodes of ${occupant}`] } };
  return lease(proven, place, at);
}

function leaseToFirst(queue: HostQueue, at: string): HostQueue {
  if (queue.now.state !== "free") return queue;
  const first = queue.line.find(({ owner }) => !queue.aside.includes(owner));
  return first === undefined ? queue : lease(queue, first, at);
}

/** To the run that waits at this place; the host stays as it is where none does. */
function lease(queue: HostQueue, place: Place, at: string): HostQueue {
  const { owner, wanted } = place;
  if (wanted === undefined) return queue;
  const { holder, estimatedSec } = wanted;
  const line = queue.line.map((other) => (other === place ? withoutRun(place) : other));
  return { ...queue, now: { state: "leased", holder, owner, since: at, estimatedSec }, line };
}

function withoutRun(place: Place): Place {
  const { wanted, ...rest } = place;
  return rest;
}

/** Greatest priority, earliest arrival; times in ISO 8601 sort as text. */
function byTurn(a: Place, b: Place): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.arrivedAt !== b.arrivedAt) return a.arrivedAt < b.arrivedAt ? -1 : 1;
  return a.ticket - b.ticket;
}
