/**
 * The protections that keep runs, hosts and other people's things whole: each with how it can be broken in one place, and
 * the test that then turns red. Written out rather than generated: random mutants say how much is tested, this says that
 * what must be is.
 */

export interface Protection {
  readonly name: string;
  readonly file: string;
  /** Stands there exactly once. */
  readonly intact: string;
  readonly broken: string;
  readonly seenBy: TestChoice;
}

export interface TestChoice {
  /** `real`: needs an engine or a Temporal server, takes longer. */
  readonly project: "fast" | "real";
  readonly file: string;
  /** Part of a title, as a pattern; all tests of the file without it. */
  readonly title?: string;
}

const fast = (file: string, title?: string): TestChoice => ({ project: "fast", file, ...(title && { title }) });
const real = (file: string, title?: string): TestChoice => ({ project: "real", file, ...(title && { title }) });
const ring = (title = "every schedule ends as promised"): TestChoice => fast("test/chaos/fast-ring.test.ts", title);

export const PROTECTIONS: readonly Protection[] = [
  // One host, one run.
  {
    name: "host queue: one lease at a time",
    file: "model/host-queue.ts",
    intact: `if (queue.now.state !== "free") return queue;`,
    broken: `if (queue.now.state === "draining") return queue;`,
    seenBy: fast("test/model/host-queue.test.ts"),
  },
  {
    name: "host queue: proven clean before the next lease",
    file: "model/host-queue.ts",
    intact: `now: { state: "draining", since: at, left: [] },`,
    broken: `now: { state: "free" },`,
    seenBy: fast("test/model/host-queue.test.ts"),
  },
  {
    name: "host queue: priority, then arrival",
    file: "model/host-queue.ts",
    intact: `return b.priority - a.priority;`,
    broken: `return a.priority - b.priority;`,
    seenBy: ring(),
  },
  {
    name: "host queue: holders that ended are noticed",
    file: "model/host-queue.ts",
    intact: `const holder = now.state === "leased" ? [now.holder] : [];`,
    broken: `const holder: string[] = [];`,
    seenBy: ring(),
  },
  {
    name: "host queue: whoever waits asks again",
    file: "workflows/host-lease.ts",
    intact: `await condition(() => this.#isGranted, askAgainAfterMs(timesAsked));`,
    broken: `await condition(() => this.#isGranted);`,
    seenBy: ring(),
  },
  {
    name: "fence: the mark on the machine",
    file: "activities/fence/lock-files.ts",
    intact: `if (inTheWay) {`,
    broken: `if (inTheWay && claim.token === "") {`,
    seenBy: fast("test/activities/fence/lock-files.test.ts"),
  },
  {
    name: "fence: the lease container on the engine",
    file: "activities/fence/host-fence.ts",
    intact: `return [this.#host.machineFence, ...(engineFence ? [engineFence] : [])];`,
    broken: `return engineFence ? [this.#host.machineFence] : [];`,
    seenBy: ring(),
  },
  {
    name: "fence: looked at before anything is created",
    file: "activities/fence/host-fence.ts",
    intact: `if (answers.includes(false)) throw`,
    broken: `if (answers.length === 0) throw`,
    seenBy: fast("test/activities/fence/host-fence.test.ts"),
  },
  {
    name: "fence: marks in the folders of users who came before the shared one",
    file: "activities/fence/lock-files.ts",
    intact: `const holders = this.#findOtherDirs().map(async (dir) => {`,
    broken: `const holders = this.#findOtherDirs().slice(0, 0).map(async (dir) => {`,
    seenBy: fast("test/activities/fence/lock-files.test.ts"),
  },
  {
    name: "image builds: none beside a run",
    file: "activities/image/image-builds.ts",
    intact: `if (holder === undefined) return await build();`,
    broken: `return await build();`,
    seenBy: fast("test/activities/image/image-builds.test.ts"),
  },
  {
    name: "image builds: a run waits for those that began before it",
    file: "activities/image/image-builds.ts",
    intact: `while (this.#underWay > 0) {`,
    broken: `while (this.#underWay < 0) {`,
    seenBy: fast("test/activities/image/image-builds.test.ts"),
  },
  {
    name: "fence: given back only once nothing is left",
    file: "activities/destroy-nodes.ts",
    intact: `if (left.length > 0) {`,
    broken: `if (left.length < 0) {`,
    seenBy: fast("test/activities/destroy-nodes.test.ts"),
  },

  // Nothing leaks.
  {
    name: "teardown that cannot be cancelled",
    file: "workflows/benchmark-run.ts",
    intact: `await CancellationScope.nonCancellable(() => wrapUp(run, measuredRow, lease, journal));`,
    broken: `await wrapUp(run, measuredRow, lease, journal);`,
    seenBy: ring("cancelled in the main loop"),
  },
  {
    name: "cancelled steps are waited for before teardown",
    file: "workflows/step-options.ts",
    intact: `const HOST_STEP = {
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,`,
    broken: `const HOST_STEP = {
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  cancellationType: ActivityCancellationType.TRY_CANCEL,`,
    seenBy: ring("while its nodes are being created"),
  },
  {
    name: "a terminated sweep still tears its run down",
    file: "workflows/sweep.ts",
    intact: `parentClosePolicy: "REQUEST_CANCEL"`,
    broken: `parentClosePolicy: "TERMINATE"`,
    seenBy: ring("terminated in the main loop"),
  },
  {
    name: "creations settle before their step fails",
    file: "activities/provision-nodes.ts",
    intact: `  await Promise.allSettled(actions);`,
    broken: `await Promise.all(actions);`,
    seenBy: fast("test/activities/provision-nodes.test.ts"),
  },
  {
    name: "a worker that stood still makes nothing for an ended run",
    file: "activities/provision-nodes.ts",
    intact: `if (outcome !== "ended" && outcome !== "kept") return;`,
    broken: `if (outcome !== undefined) return;`,
    seenBy: fast("test/activities/provision-nodes.test.ts"),
  },
  {
    name: "ledger: the entry comes before the first creation",
    file: "workflows/benchmark-run.ts",
    intact: `await openIntent(run, startedMs, deadlineAt);`,
    broken: `void openIntent;`,
    seenBy: ring("right after its work"),
  },
  {
    name: "reaper: only what is labelled with its host",
    file: "model/reaping.ts",
    intact: `if (leftover.host !== host) return`,
    broken: `if (leftover.host === "") return`,
    seenBy: fast("test/model/reaping.test.ts"),
  },
  {
    name: "reaper: only what is labelled with a run",
    file: "model/reaping.ts",
    intact: `if (!isRunId(leftover.runId)) return`,
    broken: `if (leftover.runId === "") return`,
    seenBy: fast("test/model/reaping.test.ts"),
  },
  {
    name: "reaper: without Temporal's word only past the deadline",
    file: "model/reaping.ts",
    intact: `if (isPastDeadline(deadlineAt, now)) return remove("its deadline is over");`,
    broken: `if (deadlineAt !== "") return remove("its deadline is over");`,
    seenBy: fast("test/model/reaping.test.ts"),
  },
  {
    name: "reaper: nothing of a run under way",
    file: "model/reaping.ts",
    intact: `if (outcome === "open") {`,
    broken: `if (outcome === undefined) {`,
    seenBy: fast("test/model/reaping.test.ts"),
  },
  {
    name: "reaper: the fence goes last",
    file: "activities/reap-host.ts",
    intact: `  for (const provider of host.providers.values()) await provider.destroyRun(runId);`,
    broken: `  await new HostFence(host).release(runId);
  for (const provider of host.providers.values()) await provider.destroyRun(runId);`,
    seenBy: fast("test/activities/reap-host.test.ts"),
  },
  {
    name: "reaper: a server out of reach has lost no history",
    file: "worker/reap.ts",
    intact: `if (isElsewhere() || existsSync(installation.temporalDatabase)) return false;`,
    broken: `if (existsSync(installation.temporalDatabase)) return false;`,
    seenBy: fast("test/worker/lost-history.test.ts"),
  },
  {
    name: "engine: removal goes by the host's label, too",
    file: "activities/providers/docker-removal.ts",
    intact: `...(host === undefined ? [] : [\`\${LABEL.host}=\${host}\`])`,
    broken: ``,
    seenBy: real("test/activities/providers/docker.real.test.ts", "removes nothing of the same run's name"),
  },

  // Runs survive, and are never spliced.
  {
    name: "heartbeats: a dead worker is missed within seconds",
    file: "workflows/step-options.ts",
    intact: `const HOST_STEP = {
  heartbeatTimeout: HEARTBEAT_TIMEOUT,`,
    broken: `const HOST_STEP = {
  heartbeatTimeout: "5 minutes",`,
    seenBy: ring("in main, right before its work"),
  },
  {
    name: "attach or start: the first assignment stays",
    file: "activities/database/mysql-node-database.ts",
    intact: `ON DUPLICATE KEY UPDATE run_id = run_id`,
    broken: `ON DUPLICATE KEY UPDATE assignment = VALUES(assignment)`,
    seenBy: real("test/activities/database/mysql-node-database.real.test.ts", "first assignment of a run stays"),
  },
  {
    name: "attach or start: an interrupted run goes on with all of its nodes or none",
    file: "workflows/benchmark-run.ts",
    intact: `if (found === nodes || (found === 0 && earlier === "unknown")) return;`,
    broken: `if (nodes > 0 || earlier === "unknown" || found === 0) return;`,
    seenBy: ring("has lost a node meanwhile"),
  },
  {
    name: "what sent again may have arrived is inserted by key, once",
    file: "node/statements.ts",
    intact: `INSERT IGNORE INTO`,
    broken: `INSERT INTO`,
    seenBy: fast("test/node/statements.test.ts"),
  },
  {
    name: "one terminal record: a lost run keeps the row it left",
    file: "activities/store-activities.ts",
    intact: `if (known !== undefined) return { row: known };`,
    broken: ``,
    seenBy: fast("test/activities/store-activities.test.ts"),
  },
  {
    name: "resume: what is proven is not measured again",
    file: "model/sweep-work.ts",
    intact: `return isProven || isGivenUp ? []`,
    broken: `return isGivenUp ? []`,
    seenBy: fast("test/model/sweep-work.test.ts"),
  },
  {
    name: "an outage beyond the deadline is no result of the load",
    file: "workflows/run-failure.ts",
    intact: `return { kind: "held up",`,
    broken: `return { kind: "deadline",`,
    seenBy: ring("until long after the deadline"),
  },
  {
    name: "a cancelled sweep is not continued in a new history",
    file: "workflows/sweep.ts",
    intact: `if (CancellationScope.current().consideredCancelled) throw new CancelledFailure("cancelled");`,
    broken: ``,
    seenBy: ring("wrapped up"),
  },
  {
    name: "a sweep's end is stored, cancelled or not",
    file: "workflows/sweep.ts",
    intact: `return CancellationScope.nonCancellable(async () => {`,
    broken: `return CancellationScope.cancellable(async () => {`,
    seenBy: ring(),
  },
  {
    name: "deadlines are by Temporal's clock, whatever the worker's",
    file: "activities/provision-nodes.ts",
    intact: `onOwnClock(deadlineAt, context)`,
    broken: `deadlineAt`,
    seenBy: ring("ten minutes"),
  },

  // VALID means proven.
  {
    name: "digests of all databases",
    file: "model/judgement.ts",
    intact: `if (mismatches.length === 0) return undefined;`,
    broken: `if (mismatches.length >= 0) return undefined;`,
    seenBy: fast("test/model/data-mutations.test.ts"),
  },
  {
    name: "guard: a database that restarted",
    file: "model/judgement.ts",
    intact: `if (proof.serverUptimeSec + 1 >= workedSec) continue;`,
    broken: `if (proof.serverUptimeSec >= 0) continue;`,
    seenBy: fast("test/model/judgement.test.ts"),
  },
  {
    name: "guard: an engine that restarted",
    file: "model/guards.ts",
    intact: `if (engine !== undefined && !nodesOutliveEngine)`,
    broken: `if (engine === "")`,
    seenBy: fast("test/model/guards.test.ts"),
  },
  {
    name: "guard: a node that stood still",
    file: "model/judgement.ts",
    intact: `worst.longestGapMs <= gapMs`,
    broken: `worst.longestGapMs >= 0`,
    seenBy: fast("test/model/judgement.test.ts"),
  },
  {
    name: "guard: other load on the host",
    file: "model/guards.ts",
    intact: `if (cpuPct > limitPct) {`,
    broken: `if (cpuPct > 100) {`,
    seenBy: fast("test/model/guards.test.ts"),
  },
  {
    name: "guard: samples that find no room are kept",
    file: "activities/guards/host-guards.ts",
    intact: `this.#unwritten.push(entry);`,
    broken: ``,
    seenBy: fast("test/activities/guards/unwritten-samples.test.ts"),
  },
  {
    name: "guard: lost samples are no quiet host",
    file: "model/guards.ts",
    intact: `if (guards === "samples lost")`,
    broken: `if (limitPct < 0)`,
    seenBy: fast("test/model/judgement.test.ts"),
  },
  {
    name: "evidence: changed since it was stored",
    file: "activities/results/sqlite-store.ts",
    intact: `return sha256(text) === digest ? { state: "as stored", text } : { state: "changed" };`,
    broken: `return { state: "as stored", text };`,
    seenBy: fast("test/activities/results/sqlite-store.test.ts"),
  },
  {
    name: "guard: a clock that runs fast or slow",
    file: "model/judgement.ts",
    intact: `if (Math.abs(drift.driftSec) <= drift.toleranceSec) continue;`,
    broken: `if (drift.toleranceSec >= 0) continue;`,
    seenBy: fast("test/model/judgement.test.ts"),
  },
  {
    name: "secrets are hidden in what leaves an activity",
    file: "activities/failure-boundary.ts",
    intact: `const failure: Failure = { kind, message: maskSecrets(message), ...particulars };`,
    broken: `const failure: Failure = { kind, message, ...particulars };`,
    seenBy: fast("test/activities/failure-boundary.test.ts"),
  },
];
