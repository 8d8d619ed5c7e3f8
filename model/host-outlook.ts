/** What a host's queue looks like to those who wait in it: their position, what they wait for, and about when they start. */

import type { HostQueue, Place } from "#model/host-queue";

/** One place in line. */
export interface Prospect {
  /** The sweep, or a run that queues for itself; a workflow id. */
  readonly owner: string;
  /** The run that waits there; absent while the sweep's run measures, and between two of them. */
  readonly holder?: string;
  /** From 1; absent while the owner is paused. */
  readonly position?: number;
  /** Why it does not measure now. */
  readonly waitingFor: string;
  /** By the estimates of all that goes before it, UTC, ISO 8601; absent while nobody can tell. */
  readonly estimatedStartAt?: string;
}

/** What `getHostQueue` answers. */
export interface HostQueueView extends HostQueue {
  readonly prospects: readonly Prospect[];
}

/** In the line's order. @param at - Now, UTC, ISO 8601. */
export function prospectsOf(queue: HostQueue, at: string): Prospect[] {
  let startsMs = nextLeaseMs(queue, at);
  let position = 0;
  return queue.line.map((place): Prospect => {
    const { owner, wanted, laterSec } = place;
    const who = { owner, ...(wanted === undefined ? {} : { holder: wanted.holder }) };
    if (queue.aside.includes(owner)) return { ...who, waitingFor: "paused: meshbench resume lets it go on" };
    const start = startsMs === undefined ? {} : { estimatedStartAt: new Date(startsMs).toISOString() };
    if (startsMs !== undefined) startsMs += ((wanted?.estimatedSec ?? 0) + laterSec) * 1000;
    position++;
    return { ...who, position, waitingFor: reasonOf(queue, place), ...start };
  });
}

export const viewOf = (queue: HostQueue, at: string): HostQueueView => ({
  ...queue,
  prospects: prospectsOf(queue, at),
});

/** One line about the host itself. */
export function describeHost({ host, now }: HostQueue): string {
  switch (now.state) {
    case "free":
      return `${host} is free`;
    case "leased":
      return `${now.holder} has ${host} since ${now.since}`;
    case "draining": {
      const left = now.left.length === 0 ? "" : `, still there: ${now.left.join("; ")}`;
      return `${host} is being proven clean since ${now.since}${left}`;
    }
  }
}

/** `undefined` while something is left on the host: nobody knows how long it stays. */
function nextLeaseMs({ now }: HostQueue, at: string): number | undefined {
  if (now.state === "draining" && now.left.length > 0) return undefined;
  const endsMs = now.state === "leased" ? Date.parse(now.since) + now.estimatedSec * 1000 : 0;
  // One that takes longer than its estimate may end at any moment.
  return Math.max(endsMs, Date.parse(at));
}

function reasonOf(queue: HostQueue, place: Place): string {
  const { now, line, aside } = queue;
  if (now.state === "leased" && now.owner === place.owner) return `its run ${now.holder} measures since ${now.since}`;
  if (now.state !== "free") return describeHost(queue);
  const first = line.find(({ owner }) => !aside.includes(owner)) ?? place;
  return first === place ? "its own next run, which is about to begin" : `${first.owner} is between two of its runs`;
}
