/** `meshbench nightly …`: sweeps that are measured every night, and what follows from them. */

import { Command } from "commander";
import { alignColumns, note, printData } from "#cli/output";
import { EXIT } from "#model/errors";

interface JsonOption {
  readonly json?: boolean;
}

export function nightlyCommand(): Command {
  const nightly = new Command("nightly").description(
    "sweeps that are measured every night: trend, regressions, schedule",
  );
  nightly
    .command("trend", { isDefault: true })
    .description("figures night after night, what changed, which nights were missed; what is meant without a word")
    .argument("[name]", "only this one")
    .option("--json", "print every figure as JSON")
    .action(showTrend);
  nightly
    .command("apply")
    .description("make a nightly, or change it")
    .argument("<file>", "a YAML file: docs/nightly.md")
    .option("--json", "print JSON")
    .action(async (file: string, { json = false }: JsonOption) => {
      const { applyNightly } = await import("#cli/nightly/apply");
      await applyNightly(file, json);
    });
  nightly
    .command("list")
    .description("all nightlies, and when each is next")
    .option("--json", "print JSON")
    .action(showList);
  nightly
    .command("delete")
    .description("no further nights; those that were measured are kept, one under way goes on")
    .argument("<name>")
    .action(async (name: string) => {
      const { withClient } = await import("#cli/client");
      const { deleteSchedule } = await import("#cli/nightly/schedules");
      await withClient((client) => deleteSchedule(client, name));
      note(`deleted ${name}; its nights are kept: meshbench nightly ${name}`);
    });
  nightly
    .command("nudge")
    .description("begin the nights whose time has come, unless somebody has; safe to repeat")
    .argument("[name]", "only this one")
    .option("--json", "print JSON")
    .hook("preAction", async () => {
      const { requireReleaseOfJob } = await import("#cli/github/required-release");
      await requireReleaseOfJob();
    })
    .action(nudgeAll);
  nightly
    .command("verdict")
    .description("how a nightly stands, in a line; exit code 3 while a regression is open")
    .argument("<name>")
    .option("--json", "print JSON")
    .action(showVerdict);
  return nightly;
}

async function showTrend(name: string | undefined, { json = false }: JsonOption): Promise<void> {
  const { readNightlies, readNightly } = await import("#cli/nightly/views");
  const { formatNightly, nightlyDocument } = await import("#report/nightly");
  const views = name === undefined ? await readNightlies() : [await readNightly(name)];
  const text = views.map(formatNightly).join("\n\n");
  printData(json, views.map(nightlyDocument), views.length === 0 ? NONE : text);
}

const NONE = "no nightly yet; make one: meshbench nightly apply FILE";

async function showList({ json = false }: JsonOption): Promise<void> {
  const { readNightlies } = await import("#cli/nightly/views");
  const { nightlyState } = await import("#report/nightly");
  const views = await readNightlies();
  const rows = views.map((view) => ({
    name: view.name,
    schedule: view.schedule ?? "",
    next_at: view.isPaused ? null : (view.nextAt ?? null),
    state: nightlyState(view),
  }));
  const lines = rows.map(({ name, schedule, next_at: next, state }) => [name, schedule, next ?? "paused", state]);
  const table = alignColumns([["NIGHTLY", "SPEC AND TIME", "NEXT", "STATE"], ...lines]);
  printData(json, rows, rows.length === 0 ? NONE : table);
}

async function nudgeAll(name: string | undefined, { json = false }: JsonOption): Promise<void> {
  const { withClient } = await import("#cli/client");
  const { findSchedule, listSchedules, noSuchNightly } = await import("#cli/nightly/schedules");
  const { nudge } = await import("#cli/nightly/nudge");
  const nudged = await withClient(async (client) => {
    const found = name === undefined ? undefined : await findSchedule(client, name);
    if (name !== undefined && found === undefined) throw await noSuchNightly(client, name);
    const scheduled = found === undefined ? await listSchedules(client) : [found];
    const now = new Date();
    return Promise.all(scheduled.map((one) => nudge(client, one, now)));
  });
  const lines = nudged.map((one) => `${one.name}: ${one.outcome}${one.date === null ? "" : `, night of ${one.date}`}`);
  printData(json, nudged, lines.length === 0 ? NONE : lines.join("\n"));
}

async function showVerdict(name: string, { json = false }: JsonOption): Promise<void> {
  const { readNightly } = await import("#cli/nightly/views");
  const { nightlyState } = await import("#report/nightly");
  const { openRegressions } = await import("#model/nightly-verdict");
  const view = await readNightly(name);
  const regressions = openRegressions(view.nights);
  const state = nightlyState(view);
  printData(json, { name, state, regressions }, `${name}: ${state}`);
  if (regressions.length > 0) process.exitCode = EXIT.thresholdMissed;
}
