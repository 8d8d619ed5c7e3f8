/** `meshbench nightly apply FILE`: from a file to a schedule; what is wrong with it is said before anything is made. */

import { withClient } from "#cli/client";
import { loadNightly } from "#cli/nightly/nightly-file";
import { applySchedule, findSchedule } from "#cli/nightly/schedules";
import { note, printData } from "#cli/output";
import { requireWorkers } from "#cli/sweep-client";
import { UnavailableError } from "#model/errors";
import { longestNightSec } from "#model/nightly-file";
import { formatDuration } from "#model/units";
import { queuesWithoutPoller } from "#worker/task-queues";

const DAY_SEC = 24 * 3600;

export async function applyNightly(file: string, json: boolean): Promise<void> {
  const { nightly, plan } = await loadNightly(file);
  const { name, repository, spec } = nightly;
  await withClient(async (client) => {
    const hosts = [...new Set(spec.environments.map(({ host }) => host))];
    await requireWorkers(client, new Set(hosts));
    if (repository !== undefined && (await queuesWithoutPoller(client, { hosts, github: true })).length > 0) {
      throw new UnavailableError(
        "no worker has the key of a GitHub App",
        "name it in hosts.yaml: github, or leave repository out",
      );
    }
    const outcome = await applySchedule(client, nightly);
    const scheduled = await findSchedule(client, name);
    const nextAt = scheduled?.nextAt ?? null;
    const time = formatDuration(plan.estimatedSec);
    const text = `${outcome} ${name}: ${plan.runs.length} runs, about ${time} a night; next ${nextAt ?? "never"}`;
    printData(json, { name, outcome, next_at: nextAt, runs: plan.runs.length, estimated_s: plan.estimatedSec }, text);
    if (longestNightSec(plan) > DAY_SEC) {
      note(
        `a night with a confirmation takes about ${formatDuration(longestNightSec(plan))}: the next one is then missed`,
      );
    }
    if (scheduled?.isPaused) note(`${name} is paused in Temporal, and stays so`);
  });
}
