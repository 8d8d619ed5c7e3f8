/** What a run's nodes printed: on this machine, else on that of the host that measured it. */

import type { Client } from "@temporalio/client";
import pLimit from "p-limit";
import { withClient } from "#cli/client";
import { readLogElsewhere } from "#cli/remote-reading";
import { findSweepRows } from "#cli/results";
import { readRunPlace } from "#cli/sweep-client";
import type { RunPlace } from "#cli/sweep-client";
import { InputError, UnavailableError } from "#model/errors";
import { isRunId, sweepIdOf } from "#model/ids";
import { readRunLogsHere } from "#worker/run-logs";
import type { NodeLog } from "#worker/run-logs";

const READ_CONCURRENCY = 8;

/**
 * @param nodeIndex - Absent: all nodes.
 * @throws {InputError} Where no log of it is found.
 */
export async function readRunLogs(runId: string, nodeIndex?: number): Promise<NodeLog[]> {
  if (!isRunId(runId)) throw refusal(runId, "no run id", "meshbench status SWEEP shows them");
  const here = await readRunLogsHere(runId, nodeIndex);
  if (here.length > 0) return here;
  const there = await readElsewhere(runId, nodeIndex);
  if (Array.isArray(there) && there.length > 0) return there;
  const kept = "they are kept of runs that failed or were disturbed, where those were measured";
  const where = Array.isArray(there) ? "" : ` on this machine, and elsewhere cannot be looked: ${there.message}`;
  throw refusal(runId, `no log of such a node is found${where}`, kept);
}

/** @returns Why there is no looking elsewhere. */
async function readElsewhere(runId: string, nodeIndex: number | undefined): Promise<NodeLog[] | UnavailableError> {
  try {
    return await withClient(async (client) => {
      const place = await findPlace(client, runId);
      return place === undefined ? [] : await readAt(client, runId, place, nodeIndex);
    });
  } catch (error) {
    if (error instanceof UnavailableError) return error;
    throw error;
  }
}

/** Temporal forgets a run after a while, its row stays. */
async function findPlace(client: Client, runId: string): Promise<RunPlace | undefined> {
  const place = await readRunPlace(client, runId);
  if (place !== undefined) return place;
  const found = await findSweepRows(sweepIdOf(runId));
  return found?.rows.find((row) => row.run_id === runId);
}

async function readAt(
  client: Client,
  runId: string,
  { host, nodes }: RunPlace,
  wanted: number | undefined,
): Promise<NodeLog[]> {
  const slots = pLimit(READ_CONCURRENCY);
  const indices = wanted === undefined ? Array.from({ length: nodes }, (_, position) => position + 1) : [wanted];
  const logs = await Promise.all(
    indices.map((nodeIndex) =>
      slots(async () => {
        const text = await readLogElsewhere(client, { host, runId, nodeIndex });
        return text === undefined ? [] : [{ nodeIndex, text }];
      }),
    ),
  );
  return logs.flat();
}

const refusal = (runId: string, rule: string, hint: string): InputError =>
  new InputError([{ field: "RUN", value: runId, rule, hint }]);
