/**
 * What follows from one comment under a pull request. Started once for each comment, whatever GitHub delivers; the jobs and
 * terminals around it may come and go.
 */

import { ActivityFailure, ApplicationFailure, patched, startChild } from "@temporalio/workflow";
import { sweepWorkflowId } from "#model/ids";
import { packPlan } from "#model/packed-plan";
import { expandPlan } from "#model/plan";
import { armEnvironment, commentSweepId, withArms } from "#model/pull-request";
import type { Arm, SweepOnPullRequest } from "#model/pull-request";
import type { Spec } from "#model/spec";
import type { CommentInput, MeasuringComment } from "#workflows/messages";
import { githubActivities, imageActivities } from "#workflows/step-options";
import { sweepWorkflow } from "#workflows/sweep";
import { reportSweep } from "#workflows/sweep-report";

export async function pullRequestCommentWorkflow(input: CommentInput): Promise<void> {
  if ("text" in input) return answer(input, input.text, input.isRefusal === true);
  try {
    await measure(input);
  } catch (error) {
    // Nothing was measured: a commit whose image cannot be built, or a repository without us.
    const text = failureText(error);
    if (text === undefined) throw error;
    await answer(input, text, true);
  }
}

async function answer({ request }: Pick<CommentInput, "request">, text: string, isRefusal: boolean): Promise<void> {
  await githubActivities.answer({ request, text });
  await githubActivities.react({ request, reaction: isRefusal ? "confused" : "rocket" });
}

async function measure(input: MeasuringComment): Promise<void> {
  const { request, command, spec } = input;
  const pinned = await githubActivities.pinCommits({ request, command });
  if (pinned.movedTo !== undefined) {
    const text = `The pull request has moved on: ${request.headSha} was asked for, its head is now ${pinned.movedTo}. Comment again.`;
    return answer(input, text, true);
  }
  const armed = withArms(spec, await imagesOf(input, pinned.arms));
  const sweep = { request, sweepId: commentSweepId(request), spec: command.spec, arms: pinned.arms };
  const opensItsReport = patched("sweeps-open-their-report");
  await startSweep(input, sweep, armed);
  await githubActivities.react({ request, reaction: "rocket" });
  if (!opensItsReport) await reportSweep({ sweep, hosts: hostsOf(armed) });
}

/** Each commit's image, on every host that will run it. The same files make the same image wherever they are packed. */
async function imagesOf({ request, command, spec }: MeasuringComment, arms: readonly Arm[]) {
  const images: Partial<Record<Arm["name"], string>> = {};
  for (const { name, sha } of arms) {
    if (command.image !== undefined) {
      images[name] = command.image;
      continue;
    }
    const { archive } = await githubActivities.fetchSource({ repository: request.pullRequest.repository, sha });
    for (const host of hostsOf(spec)) {
      const { image } = await imageActivities(host).buildImage({ sha, archive });
      if (images[name] !== undefined && images[name] !== image) {
        throw ApplicationFailure.nonRetryable(
          `commit ${sha} makes different images on the hosts of this spec`,
          "image",
        );
      }
      images[name] = image;
    }
  }
  return images;
}

/** It opens its report itself. Abandoned, not cancelled, where this workflow is terminated: it owes nothing to GitHub. */
async function startSweep(
  { command, spec: baseSpec }: MeasuringComment,
  pullRequest: SweepOnPullRequest,
  spec: Spec,
): Promise<void> {
  const { request, sweepId, arms } = pullRequest;
  const plan = packPlan(expandPlan(spec));
  const sourceShas = Object.fromEntries(
    arms.flatMap(({ name, sha }) => baseSpec.environments.map((one) => [armEnvironment(one.name, name), sha])),
  );
  const { repository, number } = request.pullRequest;
  await startChild(sweepWorkflow, {
    workflowId: sweepWorkflowId(sweepId),
    args: [{ sweepId, plan, sourceSha: request.headSha, sourceShas, pullRequest, priority: command.priority }],
    parentClosePolicy: "ABANDON",
    staticSummary: `${spec.name}: ${plan.runs.length} runs for ${repository.owner}/${repository.name}#${number}`,
  });
}

const hostsOf = ({ environments }: Spec): string[] => [...new Set(environments.map(({ host }) => host))];

/** @returns `undefined` for what nobody foresaw: then the workflow fails, where an operator sees it. */
function failureText(error: unknown): string | undefined {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (!(cause instanceof ApplicationFailure) || cause.nonRetryable !== true) return undefined;
  return `Nothing was measured. ${cause.type}: ${cause.message}`;
}
