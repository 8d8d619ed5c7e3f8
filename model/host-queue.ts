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
 */

/** The workflow type and the signal by which activities, which cannot import workflows, reach the queue. */
export const HOST_QUEUE_WORKFLOW = "hostQueueWorkflow";
export const REQUEST_HOST_SIGNAL = "requestHost";

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
}

interface Place {
  readonly owner: string;
  readonly priority: number;
  readonly arrivedAt: string;
  /** Breaks ties of `arrivedAt`. */
  readonly ticket: number;
  /** The run that waits at this place; absent between two runs of a sweep. */
  readonly wanted?: { readonly holder: string; readonly since: string };
}

type HostState =
  | { readonly state: "free" }
  | { readonly state: "leased"; readonly holder: string; readonly owner: string; readonly since: string }
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
}

export type HostQueueEvent =
  | ({ readonly type: "requested" } & HostRequest)
  /** The run is done with the host, or no longer wants it. */
  | { readonly type: "released"; readonly holder: string; readonly keptRunId?: string }
  /** The owner needs no more runs here. */
  | { readonly type: "left"; readonly owner: string }
  /** These workflows have ended, whatever they held. */
  | { readonly type: "ended"; readonly workflowIds: readonly string[] }
  /** An answer of the proof that the host is clean. */
  | { readonly type: "proven"; readonly left: readonly string[] };

/** `granted`: tell this run that it has the host. It may be told twice. */
interface Step {
  readonly queue: HostQueue;
  readonly granted?: string;
}

export function newHostQueue(host: string, at: string): HostQueue {
  return { host, now: { state: "draining", since: at, left: [] }, line: [], nextTicket: 1, keptRunIds: [] };
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
export const isIdle = ({ now, line }: HostQueue): boolean => now.state === "free" && line.length === 0;

/** Everyone who could end without saying so. */
export function workflowsToWatch({ now, line }: HostQueue): string[] {
  const holder = now.state === "leased" ? [now.holder] : [];
  const waiting = line.flatMap(({ owner, wanted }) => (wanted === undefined ? [owner] : [owner, wanted.holder]));
  return [...new Set([...holder, ...waiting])].sort();
}

/** Runs that go before this one; `undefined` where it does not wait. */
export function runsAhead({ line }: HostQueue, holder: string): number | undefined {
  const position = line.findIndex(({ wanted }) => wanted?.holder === holder);
  return position === -1 ? undefined : position;
}

function apply(queue: HostQueue, event: HostQueueEvent, at: string): HostQueue {
  switch (event.type) {
    case "requested":
      return request(queue, event, at);
    case "released":
      return release(queue, event, at);
    case "left":
      return leave(queue, [event.owner]);
    case "ended":
      return event.workflowIds.reduce((rest, holder) => release(rest, { holder }, at), leave(queue, event.workflowIds));
    case "proven":
      return prove(queue, event.left);
  }
}

function request(queue: HostQueue, { owner, holder, priority, arrivedAt }: HostRequest, at: string): HostQueue {
  const place = queue.line.find((other) => other.owner === owner);
  if (place?.wanted?.holder === holder) return queue;
  const wanted = { holder, since: at };
  // A place keeps its rank: asking again must not move anyone.
  if (place !== undefined)
    return { ...queue, line: queue.line.map((other) => (other === place ? { ...place, wanted } : other)) };
  const line = [...queue.line, { owner, priority, arrivedAt, ticket: queue.nextTicket, wanted }].sort(byTurn);
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
  if (!queue.line.some(({ owner }) => owners.includes(owner))) return queue;
  return { ...queue, line: queue.line.filter(({ owner }) => !owners.includes(owner)) };
}

function prove(queue: HostQueue, left: readonly string[]): HostQueue {
  if (queue.now.state !== "draining") return queue;
  if (left.length > 0) return { ...queue, now: { ...queue.now, left } };
  return { ...queue, now: { state: "free" }, keptRunIds: [] };
}

function leaseToFirst(queue: HostQueue, at: string): HostQueue {
  const [first, ...others] = queue.line;
  if (queue.now.state !== "free" || first?.wanted === undefined) return queue;
  const now = { state: "leased", holder: first.wanted.holder, owner: first.owner, since: at } as const;
  return { ...queue, now, line: [withoutRun(first), ...others] };
}

const withoutRun = ({ owner, priority, arrivedAt, ticket }: Place): Place => ({ owner, priority, arrivedAt, ticket });

/** Greatest priority, earliest arrival; times in ISO 8601 sort as text. */
function byTurn(a: Place, b: Place): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.arrivedAt !== b.arrivedAt) return a.arrivedAt < b.arrivedAt ? -1 : 1;
  return a.ticket - b.ticket;
}
