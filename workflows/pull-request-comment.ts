/**
 * What follows from one comment under a pull request. Started once for each comment, whatever GitHub delivers; the jobs and
 * terminals around it may come and go.
 */

import { startChild } from "@temporalio/workflow";
import { BenchError, InputError } from "#model/errors";
import { sweepWorkflowId } from "#model/ids";
import { packPlan } from "#model/packed-plan";
import { expandPlan } from "#model/plan";
import { armEnvironment, commentSweepId, withArms } from "#model/pull-request";
import type { Arm, SpecChanges, SweepOnPullRequest } from "#model/pull-request";
import type { Spec } from "#model/spec";
import type { CommentInput, MeasuringComment } from "#workflows/messages";
import { failureOf, requireFailedStep } from "#workflows/run-failure";
import { githubActivities, imageActivities } from "#workflows/step-options";
import { sweepWorkflow } from "#workflows/sweep";

export async function pullRequestCommentWorkflow(input: CommentInput): Promise<void> {
  if ("text" in input) return answer(input, input.text, input.isRefusal === true);
  const whyNot = await begin(input);
  if (whyNot !== undefined) return answer(input, whyNot, true);
  await react(input, "rocket");
}

async function answer(input: Pick<CommentInput, "request">, text: string, isRefusal: boolean): Promise<void> {
  await githubActivities.answer({ request: input.request, text });
  await react(input, isRefusal ? "confused" : "rocket");
}

/** One that cannot be given is no failure: somebody has deleted the comment, or locked the conversation. */
async function react({ request }: Pick<CommentInput, "request">, reaction: "rocket" | "confused"): Promise<void> {
  try {
    await githubActivities.react({ request, reaction });
  } catch (error) {
    requireFailedStep(error);
  }
}

/** @returns Why nothing will be measured; nothing where the sweep has begun. */
async function begin(input: MeasuringComment): Promise<string | undefined> {
  const { request, command, spec } = input;
  try {
    const { arms, movedTo } = await githubActivities.pinCommits({ request, command });
    if (movedTo !== undefined) {
      return `The pull request has moved on: ${request.headSha} was asked for, its head is now ${movedTo}. Comment again.`;
    }
    const armed = withArms(spec, await imagesOf(input, arms));
    const sweep = { request, sweepId: commentSweepId(request), spec: command.spec, arms, changes: changesOf(input) };
    await startSweep(input, sweep, armed);
    return undefined;
  } catch (error) {
    return `Nothing was measured. ${failureText(error)}`;
  }
}

const changesOf = ({ command: { set, env, image }, spec }: MeasuringComment): SpecChanges => ({
  set,
  ...(env !== undefined && { env }),
  ...(image !== undefined && { image }),
  environments: spec.environments.map(({ name }) => name),
});

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
      const image = await buildOn(host, { sha, archive });
      if (images[name] !== undefined && images[name] !== image) {
        throw new BenchError("image", `commit ${sha} makes different images on the hosts of this spec`);
      }
      images[name] = image;
    }
  }
  return images;
}

async function buildOn(host: string, source: { sha: string; archive: string }): Promise<string> {
  try {
    const { image } = await imageActivities(host).buildImage(source);
    return image;
  } catch (error) {
    requireFailedStep(error);
    const { kind, message } = failureOf(error, { host }, false);
    throw new BenchError(kind, message);
  }
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

/** @throws The error itself where nobody foresaw it: an operator sees it, and with a mended worker the workflow goes on. */
function failureText(error: unknown): string {
  if (error instanceof InputError) return error.message;
  if (error instanceof BenchError) return `${error.kind}: ${error.message}`;
  requireFailedStep(error);
  const { kind, message } = failureOf(error, {}, false);
  return `${kind}: ${message}`;
}
