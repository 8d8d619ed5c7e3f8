/** `meshbench reap`: remove what ended runs left on this installation's hosts. Needs no Temporal server. */

import { Command } from "commander";
import { alignColumns, note, printData } from "#cli/output";
import { EXIT } from "#model/errors";
import type { reapHere as ReapHere } from "#worker/wiring";

type Reaping = Awaited<ReturnType<typeof ReapHere>>;
type Leftover = Reaping["hosts"][number]["kept"][number];

interface ReapFlags {
  readonly dryRun?: boolean;
  readonly historyLost?: boolean;
  readonly json?: boolean;
}

export function reapCommand(): Command {
  return new Command("reap")
    .description("remove what ended runs left; without Temporal's answer only what is past its deadline")
    .option("--dry-run", "only say what would be removed, and what stays for which reason")
    .option("--history-lost", "Temporal's histories will not come back: runs without a row are recorded as FAILED")
    .option("--json", "print JSON")
    .action(async ({ dryRun: isDryRun = false, historyLost, json = false }: ReapFlags) => {
      const { reapHere } = await import("#worker/wiring");
      const reaping = await reapHere({ isDryRun, ...(historyLost && { isHistoryLost: true }) });
      if (!reaping.temporalAnswers) note("Temporal does not answer: only what is past its deadline goes");
      printData(json, toJson(reaping, isDryRun), describe(reaping, isDryRun));
      for (const { host, failures } of reaping.hosts) for (const line of failures) note(`error: host ${host}: ${line}`);
      if (reaping.hosts.some(({ failures }) => failures.length > 0)) process.exitCode = EXIT.error;
    });
}

function describe({ hosts }: Reaping, isDryRun: boolean): string {
  const rows = hosts.flatMap(({ removed, kept }) => [
    ...removed.map((one) => toRow(isDryRun ? "would remove" : "removed", one)),
    ...kept.map((one) => toRow("kept", one)),
  ]);
  const lost = hosts
    .flatMap(({ lostRunIds }) => lostRunIds)
    .map((runId) => `run ${runId}: FAILED, its history is lost`);
  const table = rows.length === 0 ? "nothing is left" : alignColumns([["", "KIND", "NAME", "RUN", "WHY"], ...rows]);
  return [table, ...lost].join("\n");
}

const toRow = (what: string, { kind, name, runId, why }: Leftover): string[] => [what, kind, name, runId, why];

function toJson({ temporalAnswers, hosts }: Reaping, isDryRun: boolean) {
  return {
    dry_run: isDryRun,
    temporal_answers: temporalAnswers,
    hosts: hosts.map(({ host, removed, kept, failures, lostRunIds }) => ({
      host,
      removed: removed.map(leftoverToJson),
      kept: kept.map(leftoverToJson),
      failures,
      history_lost: lostRunIds,
    })),
  };
}

const leftoverToJson = ({ kind, name, runId, host, deadlineAt, why }: Leftover) => ({
  kind,
  name,
  run_id: runId,
  host,
  deadline_at: deadlineAt,
  why,
});
