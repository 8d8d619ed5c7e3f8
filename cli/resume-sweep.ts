/** `resume`: a paused sweep goes on; one that has ended is taken up again from what is stored of it. */

import type { Client } from "@temporalio/client";
import { withClient } from "#cli/client";
import { followToEnd } from "#cli/follow-to-end";
import { note, printData } from "#cli/output";
import { findSweepRows, noSuchSweep, requireSweepId } from "#cli/results";
import { readSweepState, requireWorkers, resumeSweepWorkflow } from "#cli/sweep-client";
import { unpauseSweep } from "#cli/sweep-requests";
import { configHashOf } from "#model/config-hash";
import { EXIT, InputError, UnavailableError } from "#model/errors";
import type { SweepRows } from "#model/results-question";
import { PROTOCOL_VERSION } from "#model/node-protocol";
import { unpackPlan } from "#model/packed-plan";
import type { PackedPlan } from "#model/packed-plan";
import type { PlannedRun } from "#model/plan";
import type { SweepDocument } from "#model/result-row";
import type { SweepRecord } from "#model/run";
import { pastAttemptOf } from "#model/run-row";
import { planOf } from "#model/sweep-pin";
import type { SweepPin } from "#model/sweep-pin";
import { REPEATABLE_STATUSES, workAgain, workLeft } from "#model/sweep-work";
import type { RepeatableStatus, WorkItem } from "#model/sweep-work";
import { formatDuration } from "#model/units";

export interface ResumeOptions {
  /** As typed, separated by commas. */
  readonly only?: string;
  readonly detach?: boolean;
  readonly onInterrupt: "detach" | "cancel";
  readonly json?: boolean;
}

/** @returns The exit code. */
export async function resumeSweep(sweepId: string, options: ResumeOptions): Promise<number> {
  requireSweepId(sweepId);
  const { detach = false, onInterrupt, json = false } = options;
  const only = options.only === undefined ? undefined : parseStatuses(options.only);
  const found = await findSweepRows(sweepId);

  return withClient(async (client) => {
    const resume = () => resumeOnce(client, { sweepId, found, only });
    if (!detach) return followToEnd(client, sweepId, { onInterrupt, json, queue: resume });
    await resume();
    const document: SweepDocument = { sweep_id: sweepId, status: "OPEN", runs: found?.rows ?? [] };
    printData(json, document, sweepId);
    note(`see it with: meshbench watch ${sweepId}`);
    return EXIT.ok;
  });
}

const STATUS_OF_WORD = new Map<string, RepeatableStatus>(
  REPEATABLE_STATUSES.map((status) => [status.toLowerCase(), status]),
);

/** @throws {InputError} Naming each word that is no status one can ask for. */
function parseStatuses(text: string): RepeatableStatus[] {
  const words = text.split(",");
  const rule = `must be out of ${[...STATUS_OF_WORD.keys()].join(", ")}, separated by commas`;
  const unknown = words.filter((word) => !STATUS_OF_WORD.has(word));
  if (unknown.length > 0) throw new InputError(unknown.map((value) => ({ field: "--only", value, rule })));
  return [...STATUS_OF_WORD].filter(([word]) => words.includes(word)).map(([, status]) => status);
}

interface ResumeRequest {
  readonly sweepId: string;
  readonly found: SweepRows | undefined;
  readonly only: readonly RepeatableStatus[] | undefined;
}

async function resumeOnce(client: Client, request: ResumeRequest): Promise<void> {
  const { sweepId, found, only } = request;
  const state = await readSweepState(client, sweepId);
  if (state === "open") return unpause(client, request);
  if (found) return takeUpAgain(client, found, only);
  if (state === "unknown") throw noSuchSweep(sweepId);
  throw new UnavailableError(
    `${sweepId} is ${state}, and its results cannot be read from here`,
    "they are where a worker keeps the results of its Temporal namespace: start it there",
  );
}

async function unpause(client: Client, { sweepId, found, only }: ResumeRequest): Promise<void> {
  if (only !== undefined) {
    const hint = `wait until it has ended, or end it: meshbench cancel ${sweepId}`;
    throw new InputError([{ field: "--only", value: only.join(","), rule: "the sweep is under way", hint }]);
  }
  if (found) requireOurProtocol(found, `end it: meshbench cancel ${sweepId}`);
  const { runsLeft, wasPaused } = await unpauseSweep(client, sweepId);
  note(wasPaused ? `${sweepId} goes on: ${runsLeft} runs left` : `${sweepId} is under way already, and not paused`);
}

async function takeUpAgain(client: Client, found: SweepRows, only: ResumeRequest["only"]): Promise<void> {
  const { sweepId, startedAt } = found.sweep;
  const { pin, plan } = readPinned(found);
  const work = requireWork(found, plan, only);
  await requireWorkers(client, new Set(plan.spec.environments.map(({ host }) => host)));
  const { sourceSha, sourceShas, pullRequest, priority, environments } = pin;
  const resumed = { startedAt, environments, ...(only && { only }) };
  const sources = { sourceSha, ...(sourceShas && { sourceShas }), ...(pullRequest && { pullRequest }) };
  await resumeSweepWorkflow(client, { sweepId, plan, ...sources, priority, resumed });
  const estimate = formatDuration(Math.round(secondsOf(work, plan)));
  note(`resumed ${sweepId}: ${work.length} of ${plan.runs.length} runs left, about ${estimate}`);
}

/**
 * What the sweep was begun with.
 * @throws {InputError} Where that is not what is stored now, or this Meshbench could not go on with it.
 */
function readPinned(found: SweepRows): { pin: SweepPin; plan: PackedPlan } {
  const { sweep } = found;
  const pin = pinIn(sweep);
  if (pin === undefined) throw refusal(sweep, "it was begun by a version that pinned no plan");
  requireOurProtocol(found);
  const plan = planOf(sweep, pin);
  const hash = configHashOf(plan);
  const isSealed = pin.configHash !== "";
  if (isSealed && hash !== pin.configHash) {
    throw refusal(sweep, `its stored plan has config hash ${hash}, it began with ${pin.configHash}`);
  }
  return { pin, plan };
}

/** @throws {InputError} Where each run would fail, since its nodes speak otherwise than this Meshbench. */
function requireOurProtocol({ sweep }: SweepRows, hint?: string): void {
  const protocol = pinIn(sweep)?.protocol ?? PROTOCOL_VERSION;
  if (protocol === PROTOCOL_VERSION) return;
  throw refusal(sweep, `its node image speaks protocol ${protocol}, this Meshbench ${PROTOCOL_VERSION}`, hint);
}

const pinIn = ({ pinJson }: SweepRecord): SweepPin | undefined =>
  pinJson === undefined ? undefined : (JSON.parse(pinJson) as SweepPin);

function refusal({ sweepId }: SweepRecord, rule: string, hint?: string): InputError {
  const anew = "what it measured stays; measure the rest anew: meshbench run SPEC";
  return new InputError([{ field: "ID", value: sweepId, rule, hint: hint === undefined ? anew : `${hint}; ${anew}` }]);
}

/** @throws {InputError} Where there is nothing to measure, with what can be done instead. */
function requireWork({ sweep, rows }: SweepRows, { spec, runs }: PackedPlan, only: ResumeRequest["only"]): WorkItem[] {
  const planned = runs.map(([point, repetition]): PlannedRun => ({ point, repetition }));
  const past = rows.map((row) => pastAttemptOf(row));
  const again = (statuses: readonly RepeatableStatus[]) => workAgain(planned, past, statuses);
  const work = only === undefined ? workLeft(planned, past, spec.attempts) : again(only);
  if (work.length > 0) return work;

  const { sweepId } = sweep;
  const others = REPEATABLE_STATUSES.filter((status) => again([status]).length > 0);
  const hint =
    others.length === 0
      ? `meshbench report ${sweepId}`
      : `measure some again: meshbench resume ${sweepId} --only ${others.join(",").toLowerCase()}`;
  const rule = only === undefined ? "already complete" : `no latest attempt of a repetition is ${only.join(" or ")}`;
  throw new InputError([{ field: "ID", value: sweepId, rule, hint }]);
}

function secondsOf(work: readonly WorkItem[], plan: PackedPlan): number {
  const { points } = unpackPlan(plan);
  return work.reduce((sum, { point }) => sum + (points.get(point)?.estimatedSec ?? 0), 0);
}
