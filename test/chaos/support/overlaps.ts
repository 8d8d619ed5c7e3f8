/** Whether two runs ever had one host at once, by what the engine says of their nodes. */

import { LABEL } from "#model/ids";
import type { EngineEvent } from "#test/chaos/support/engine-events";

interface Stay {
  readonly run: string;
  readonly fromMs: number;
  /** Infinite where it is still there. */
  readonly toMs: number;
}

/** @param events - Of nodes of one host, in any order. @returns A line for each two runs of which nodes were there at once. */
export function findOverlapsIn(events: readonly EngineEvent[]): string[] {
  const stays = [...Map.groupBy(events, ({ id }) => id).values()].map(stayOf).toSorted((a, b) => a.fromMs - b.fromMs);
  const lines = stays.flatMap(({ run, fromMs }, i) =>
    stays
      .slice(0, i)
      .filter((earlier) => earlier.run !== run && earlier.toMs > fromMs)
      .map((earlier) => `${run} began while ${earlier.run} had the host`),
  );
  return [...new Set(lines)];
}

/** Each creation goes with its own removal: what another node of the run did later says nothing of this one. */
function stayOf(events: readonly EngineEvent[]): Stay {
  const timeOf = (action: string) => events.find((event) => event.action === action)?.timeMs;
  const run = events[0]?.attributes[LABEL.run] ?? "";
  return { run, fromMs: timeOf("create") ?? -Infinity, toMs: timeOf("destroy") ?? Infinity };
}
