/** What holds after every schedule, whatever it was: `../shared/faults.md` I1–I6, I10 and I11, and what resuming promises. */

import { FAILURES, UNKNOWN_STEP } from "#model/errors";
import { partsOfRunId } from "#model/ids";
import type { RunRow } from "#model/result-row";
import { tupleCountOf } from "#model/plan";
import { hitDeadline } from "#model/point-summary";
import { STEPS } from "#model/run";
import { tupleSeed } from "#model/tuples";
import { listFiles, readDecoyFile } from "#test/chaos/fast/edges";
import type { SimulatedInstallation } from "#test/chaos/fast/simulated-installation";
import type { PlayedSweep, World } from "#test/chaos/fast/world";

/** @returns A line for everything that is not as promised; the world's clock is past every deadline then. */
export function violationsOf(world: World): string[] {
  const broken = world.installations.flatMap(({ temporal }) => temporal.workflowTaskFailure ?? []);
  if (broken.length > 0) return broken.map((failure) => `a workflow task fails: ${failure}`);
  if (!world.isSettled) return [`somebody waits for ever: ${whoWaits(world)}`, ...overlapsOf(world)];
  return [
    ...overlapsOf(world),
    ...world.misdeeds,
    ...leftoversOf(world),
    ...decoysTouched(world),
    ...world.installations.flatMap((installation) => recordsOf(world, installation)),
    ...world.sweeps.flatMap((sweep) => [
      ...misstatedOf(world, sweep),
      ...repeatedOf(world, sweep),
      ...disorderOf(world, sweep),
      ...otherSeedsOf(world, sweep),
    ]),
    ...world.oracles.flatMap(({ violations }) => violations),
  ];
}

function whoWaits(world: World): string {
  const ids = world.installations.flatMap(({ temporal }) => temporal.runningIds());
  const unfinished = world.sweeps.filter((sweep) => world.workLeftOf(sweep) > 0).map(({ sweepId }) => sweepId);
  return `workflows ${ids.join(", ")}; unfinished ${unfinished.join(", ")}`;
}

const overlapsOf = ({ overlaps }: World): string[] =>
  overlaps.map(({ runId, beside, machine }) => `${runId} began on ${machine} beside ${beside}`);

function leftoversOf(world: World): string[] {
  const decoys = new Set(world.decoys.map(({ container }) => container));
  const containers = world.engines.flatMap((engine) =>
    [...engine.containers.values()].filter((one) => !decoys.has(one)),
  );
  const networks = world.engines.flatMap((engine) => [...engine.networks.values()]);
  const machines = ["m1", "m2", "m9"];
  const files = machines
    .flatMap((machine) => listFiles(`/${machine}`))
    .filter((path) => !path.includes("/logs/") && !world.decoyFiles.includes(path));
  const intents = world.installations.flatMap(({ store, hosts }) =>
    hosts.flatMap(({ id }) => store.listOpenIntents(id)),
  );
  return [
    ...containers.map(({ name }) => `container ${name} is left`),
    ...networks.map(({ id }) => `${id} is left`),
    ...files.map((path) => `file ${path} is left`),
    ...intents.map(({ run }) => `the ledger's entry of ${run.runId} is open`),
  ];
}

function decoysTouched(world: World): string[] {
  const containers = world.decoys
    .filter(({ engine, container }) => engine.containers.get(container.name) !== container)
    .map(({ container }) => `decoy ${container.name} is gone`);
  const files = world.decoyFiles.filter((path) => readDecoyFile(path) !== "not ours");
  return [...containers, ...files.map((path) => `decoy ${path} is gone`)];
}

function recordsOf(world: World, { store, name }: SimulatedInstallation): string[] {
  const rows = [...Map.groupBy(store.written, ({ run_id }) => run_id)];
  const unrecorded = [...world.runs.keys()].filter((runId) => world.domainOf(runId) === name && !store.hasRun(runId));
  return [
    ...unrecorded.map((runId) => `${runId} ran and has no row`),
    ...rows.flatMap(([runId, written]) => twoEndings(runId, written)),
    ...rows.flatMap(([, written]) =>
      written.flatMap((row) => [...unproven(world, row), ...unexplained(row), ...untrueBound(row)]),
    ),
  ];
}

function twoEndings(runId: string, written: readonly RunRow[]): string[] {
  const endings = new Set(written.map(({ status, reason }) => `${status} ${reason}`));
  return endings.size > 1 ? [`${runId} ended ${endings.size} times: ${[...endings].join(" | ")}`] : [];
}

/** VALID means one undisturbed main loop, of nodes that were made once. */
function unproven(world: World, { run_id: runId, status, nodes }: RunRow): string[] {
  if (status !== "VALID") return [];
  const facts = world.runs.get(runId);
  if (facts === undefined) return [`${runId} is VALID, and never ran`];
  const isWhole = facts.made.size === nodes && facts.tupleSeeds.size === nodes;
  return [
    ...(isWhole ? [] : [`${runId} is VALID, of ${facts.made.size} nodes`]),
    ...facts.disturbances.map((what) => `${runId} is VALID, although ${what}`),
  ];
}

const NAMES_STEP = new RegExp(`\\(in (?:${[...STEPS, UNKNOWN_STEP].join("|")})\\b`);

/** Every ending that is no success says what it was, where, and what to do. */
function unexplained({ run_id: runId, status, reason, host }: RunRow): string[] {
  if (status === "VALID" || status === "CANCELLED") return [];
  const kind = reason.slice(0, Math.max(0, reason.indexOf(":")));
  const isKnown = Object.hasOwn(FAILURES, kind) && kind !== "bug";
  const hint = isKnown ? FAILURES[kind as keyof typeof FAILURES].hint : "";
  const isPlaced = NAMES_STEP.test(reason) && reason.includes(`host ${host}`);
  const isComplete = isKnown && isPlaced && reason.endsWith(`; ${hint}`);
  return isComplete ? [] : [`${runId} is ${status} without kind, step, host and hint: ${reason}`];
}

/** Whoever looks now and then may take a loop that was done right before the deadline for one that was not. */
const BETWEEN_LOOKS_SEC = 5;

/** The loads of these worlds are light: what is not done by its deadline was held up by something else. */
function untrueBound({ run_id: runId, reason, elapsed_s: elapsedSec, expected_s: expectedSec }: RunRow): string[] {
  const isTrue = !hitDeadline({ reason }) || (elapsedSec ?? Infinity) < expectedSec + BETWEEN_LOOKS_SEC;
  return isTrue ? [] : [`${runId} is said to have had too much to do: ${reason}`];
}

const STATED: Partial<Record<string, string>> = { COMPLETED: "DONE", CANCELLED: "CANCELLED", FAILED: "FAILED" };

/** What a sweep's workflow came to is what is stored of it; one that was terminated could not say it any more. */
function misstatedOf(world: World, { sweepId }: PlayedSweep): string[] {
  const ending = world.sweepEndings.get(sweepId) ?? "";
  const stated = world.ours.store.findSweep(sweepId)?.status;
  const isMisstated = STATED[ending] !== undefined && STATED[ending] !== stated;
  return isMisstated ? [`${sweepId} is stored as ${stated}, its workflow ended ${ending}`] : [];
}

const repetitionOf = (runId: string): string => runId.replace(/-a\d+$/, "");

/** What was proven once is not measured again. */
function repeatedOf(world: World, { sweepId }: PlayedSweep): string[] {
  const proven = world.ours.store.listRuns(sweepId).filter(({ status }) => status === "VALID" || status === "SUSPECT");
  const byRepetition = Map.groupBy(proven, ({ run_id }) => repetitionOf(run_id));
  return [...byRepetition]
    .filter(([, rows]) => rows.length > 1)
    .map(([one]) => `${one} was measured again after its proof`);
}

/** Repetitions begin in the plan's order, also over interruptions; one that somebody cancelled waits for a later resume. */
function disorderOf(world: World, { sweepId, plan }: PlayedSweep): string[] {
  const cancelled = world.ours.store.listRuns(sweepId).filter(({ status }) => status === "CANCELLED");
  const passedOver = new Set(cancelled.map(({ run_id }) => repetitionOf(run_id)));
  const begun = [...world.runs.values()]
    .filter(({ runId }) => runId.startsWith(`${sweepId}-p`))
    .toSorted((a, b) => a.firstCreatedAtMs - b.firstCreatedAtMs)
    .map(({ runId }) => repetitionOf(runId));
  const order = [...new Set(begun)].filter((one) => !passedOver.has(one));
  const planned = plan.runs.map(({ point, repetition }) => `${sweepId}-p${point}-r${repetition}`);
  const wanted = planned.filter((one) => order.includes(one));
  return wanted.join() === order.join() ? [] : [`${sweepId} was measured in the order ${order.join(", ")}`];
}

function otherSeedsOf(world: World, { sweepId, plan }: PlayedSweep): string[] {
  return [...world.runs.values()]
    .filter(({ runId }) => runId.startsWith(`${sweepId}-p`))
    .flatMap(({ runId, tupleSeeds }) => {
      const { point: index, repetition } = partsOfRunId(runId);
      const point = plan.points.find(({ point: one }) => one.index === index)?.point;
      if (point === undefined) return [`${runId} is of no point`];
      const { mode, nodes, ratePerMin, aggregation } = point;
      const parts = { sweepSeed: plan.spec.seed, mode, nodes, ratePerMin, aggregation, repetition };
      const wrong = [...tupleSeeds].filter(([nodeIndex, seeds]) => {
        const expected = tupleSeed({ ...parts, tupleCount: tupleCountOf(point), nodeIndex });
        return seeds.size !== 1 || !seeds.has(expected);
      });
      return wrong.map(([nodeIndex]) => `${runId} gave node ${nodeIndex} other tuples than the sweep's seed says`);
    });
}
