/**
 * A night of a nightly: the sweep, what its history makes of it, and where a change is suspected the same again beside the
 * frozen baseline. The schedule starts one workflow, a nudge another: whoever comes first on a date measures it.
 */

import {
  ActivityFailure,
  CancellationScope,
  ChildWorkflowFailure,
  executeChild,
  isCancellation,
  startChild,
  workflowInfo,
} from "@temporalio/workflow";
import { defineSearchAttributeKey, WorkflowExecutionAlreadyStartedError } from "@temporalio/common";
import { sweepWorkflowId } from "#model/ids";
import { confirmationSweepId, nightSweepId, nightWorkflowId } from "#model/nightly";
import type { Nightly } from "#model/nightly";
import type { Baseline } from "#model/nightly-history";
import { dateKeyOf } from "#model/nightly-calendar";
import { packPlan } from "#model/packed-plan";
import { expandPlan } from "#model/plan";
import { armEnvironment, withArms } from "#model/pull-request";
import type { Spec } from "#model/spec";
import type { NightInput, NightlyInput, SweepInput } from "#workflows/messages";
import { githubActivities, imageActivities, nightActivities, nightSourceActivities } from "#workflows/step-options";
import { sweepWorkflow } from "#workflows/sweep";

/** Temporal's own, on what a schedule started: when it was to begin, however late it is now. */
const SCHEDULED_AT = defineSearchAttributeKey("TemporalScheduledStartTime", "DATETIME");

/** By environment: a node image. */
type Images = Readonly<Record<string, string>>;

/** What a schedule starts. It lasts as long as the night, so that the schedule lets no other begin meanwhile. */
export async function nightlyFiredWorkflow({ nightly }: NightlyInput): Promise<void> {
  const { typedSearchAttributes, startTime } = workflowInfo();
  const date = dateKeyOf(typedSearchAttributes.get(SCHEDULED_AT) ?? startTime, nightly.calendar);
  try {
    await executeChild(nightlyWorkflow, {
      workflowId: nightWorkflowId(nightly.name, date),
      workflowIdReusePolicy: "REJECT_DUPLICATE",
      args: [{ nightly, date }],
      staticSummary: `${nightly.name}, night of ${date}`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error; // this date has its night
  }
}

/** @throws What it failed of, once that is on record. */
export async function nightlyWorkflow(input: NightInput): Promise<void> {
  const { nightly, date } = input;
  try {
    const { sourceSha } = await measureNight(input);
    await judgeNight(input, sourceSha);
  } catch (error) {
    const status = isCancellation(error) ? "CANCELLED" : "FAILED";
    const reason = messageOf(error);
    await CancellationScope.nonCancellable(() =>
      nightActivities.failNight({ nightly: nightly.name, date, status, reason }),
    );
    throw error;
  }
  if (nightly.repository !== undefined) await startReport(nightly, date);
}

/** On its own: GitHub may be away for longer than there is until the next night. */
async function startReport(nightly: Nightly, date: string): Promise<void> {
  await startChild(nightlyReportWorkflow, {
    workflowId: `${nightWorkflowId(nightly.name, date)}-report`,
    args: [{ nightly }],
    parentClosePolicy: "ABANDON",
  });
}

export async function nightlyReportWorkflow({ nightly: { name, least, repository } }: NightlyInput): Promise<void> {
  if (repository !== undefined) await githubActivities.reportNightly({ nightly: { name, least }, repository });
}

async function measureNight({ nightly, date }: NightInput): Promise<{ sourceSha: string }> {
  const { name, repository, branch } = nightly;
  // On record before anything can go wrong.
  const installed = await nightActivities.openNight({ nightly: name, date });
  const sweepId = nightSweepId(name, date);
  if (repository === undefined) {
    await measureSweep(sweepId, nightly.spec, installed);
    return installed;
  }
  const { sha } = await nightSourceActivities.findNewestCommit({
    repository,
    ...(branch !== undefined && { branch }),
  });
  await nightActivities.openNight({ nightly: name, date, commit: { repository, sha } });
  const images = await buildImages(nightly, sha);
  const environments = nightly.spec.environments.map((environment) => {
    const image = images[environment.name];
    return image === undefined ? environment : { ...environment, image };
  });
  await measureSweep(sweepId, { ...nightly.spec, environments }, { sourceSha: sha });
  return { sourceSha: sha };
}

async function judgeNight({ nightly, date }: NightInput, sourceSha: string): Promise<void> {
  const { baseline, images } = await nightActivities.doubtNight({ nightly, date });
  if (baseline === undefined || images === undefined) return;
  const confirmation = await confirm({ nightly, date }, baseline, { sourceSha, images });
  await nightActivities.settleNight({ nightly, date, confirmation });
}

/** Baseline and newest as arms of one sweep, interleaved. That it fails is no reason to lose the night. */
async function confirm(
  { nightly, date }: NightInput,
  baseline: Baseline,
  newest: { readonly sourceSha: string; readonly images: Images },
) {
  const sweepId = confirmationSweepId(nightly.name, date);
  try {
    const base = baseline.images ?? (await buildImages(nightly, baseline.sourceSha));
    const spec = { ...withArms(nightly.spec, { base, head: newest.images }), order: "interleaved" } as const;
    const sourceShas = Object.fromEntries(
      nightly.spec.environments.map(({ name }) => [armEnvironment(name, "base"), baseline.sourceSha]),
    );
    await measureSweep(sweepId, spec, { sourceSha: newest.sourceSha, sourceShas });
    return { sweepId };
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) throw error;
    return { failure: messageOf(error) };
  }
}

/** The commit's image on each host that will run it. */
async function buildImages({ repository, spec }: Nightly, sha: string): Promise<Images> {
  if (repository === undefined) throw new RangeError("commits come from a repository");
  const { archive } = await nightSourceActivities.fetchSource({ repository, sha });
  const byHost = new Map<string, string>();
  for (const { host } of spec.environments) {
    if (!byHost.has(host)) byHost.set(host, (await imageActivities(host).buildImage({ sha, archive })).image);
  }
  return Object.fromEntries(spec.environments.map(({ name, host }) => [name, byHost.get(host) ?? ""]));
}

async function measureSweep(
  sweepId: string,
  spec: Spec,
  sources: Pick<SweepInput, "sourceSha" | "sourceShas">,
): Promise<void> {
  const plan = packPlan(expandPlan(spec));
  await executeChild(sweepWorkflow, {
    workflowId: sweepWorkflowId(sweepId),
    args: [{ sweepId, plan, ...sources }],
    parentClosePolicy: "REQUEST_CANCEL",
    staticSummary: `${spec.name}: ${plan.runs.length} runs of a night`,
  });
}

function messageOf(error: unknown): string {
  const cause = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
