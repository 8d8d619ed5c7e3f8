/**
 * Sweeps that were never measured, for tests of what is made from results: the same on every call, shaped like real ones
 * (flat until an arm saturates, then linear), with every status in them.
 */

import { runIdOf } from "#model/ids";
import { UNMEASURED } from "#model/run-row";
import type { RunRow } from "#model/result-row";
import type { PreparedEnvironment, SweepRecord } from "#model/run";
import type { Environment, Mode, Spec, Threshold } from "#model/spec";

export interface SweepFixture {
  readonly sweep: SweepRecord;
  readonly rows: readonly RunRow[];
  readonly environments: readonly PreparedEnvironment[];
}

export interface SweepFixtureOptions {
  readonly name?: string;
  readonly modes?: readonly Mode[];
  readonly nodes?: readonly number[];
  readonly rates?: readonly number[];
  readonly aggregations?: readonly number[];
  readonly environments?: readonly PreparedEnvironment[];
  readonly repetitions?: number;
  readonly durationSec?: number;
  readonly thresholds?: readonly Threshold[];
  /** Leaves out what goes wrong in the default sweep. */
  readonly allValid?: boolean;
}

export const CONTAINERS: PreparedEnvironment = {
  name: "containers",
  provider: "docker",
  host: "local",
  cpus: 2,
  memoryMib: 1024,
  imageDigest: `sha256:${"3f".repeat(32)}`,
  isolation: "container",
  facts: {
    "cpu model": "Intel(R) Xeon(R) CPU E5-2670 v3 @ 2.30GHz",
    "database version": "10.11.14-MariaDB",
    "docker version": "28.3.2",
    "host kernel": "6.12.41-amd64",
    "node kernel": "6.12.41-amd64",
  },
};

export const VMS: PreparedEnvironment = {
  ...CONTAINERS,
  name: "vms",
  provider: "qemu",
  isolation: "kvm",
  facts: {
    "cpu model": "Intel(R) Xeon(R) CPU E5-2670 v3 @ 2.30GHz",
    "database version": "10.11.14-MariaDB",
    "host kernel": "6.12.41-amd64",
    "node kernel": "6.1.0-39-cloud-amd64",
    "qemu version": "10.0.2",
  },
};

const STARTED_AT = Date.UTC(2026, 10, 20, 22, 0, 0);

export function sweepFixture(options: SweepFixtureOptions = {}): SweepFixture {
  const {
    name = "paper-test-3",
    modes = ["baseline", "replicated"],
    nodes = [15],
    rates = [5000, 20_000, 60_000, 120_000, 180_000, 240_000],
    aggregations = [100],
    environments = [CONTAINERS, VMS],
    repetitions = 7,
    durationSec = 60,
    thresholds = [{ column: "deviation_pct", statistic: "median", comparison: "<", bound: 5 }],
    allValid = false,
  } = options;
  const random = randomNumbers(2018);
  const sweepId = `${name}-20261120-220000-a1b2c3`;
  const rows: RunRow[] = [];
  let point = 0;
  for (const environment of environments)
    for (const mode of modes)
      for (const nodeCount of nodes)
        for (const rate of rates)
          for (const aggregation of aggregations) {
            point++;
            for (let repetition = 1; repetition <= repetitions; repetition++) {
              const identity = { sweepId, point, repetition, environment, mode, nodeCount, rate, aggregation };
              rows.push(...attemptsOf({ ...identity, durationSec, random, allValid }));
            }
          }
  const spec: Spec = {
    version: 1,
    name,
    environments: environments.map(asEnvironment),
    factors: {
      mode: modes,
      nodes,
      rate: rates,
      aggregation: aggregations,
      durationSec: [durationSec],
      engine: ["innodb"],
      client: ["batched"],
      release: ["agreed"],
      resolve: ["addresses"],
      phase: ["aligned"],
      cpus: [],
      memoryMib: [],
    },
    warmupSec: 3,
    repetitions,
    attempts: 2,
    seed: 2018,
    order: "interleaved",
    observe: "on",
    keep: "never",
    thresholds,
    ours: [],
  };
  return {
    sweep: {
      sweepId,
      name,
      startedAt: new Date(STARTED_AT).toISOString(),
      status: "DONE",
      specJson: JSON.stringify(spec),
      runsPlanned: point * repetitions,
    },
    rows,
    environments,
  };
}

interface RunToMake {
  readonly sweepId: string;
  readonly point: number;
  readonly repetition: number;
  readonly environment: PreparedEnvironment;
  readonly mode: Mode;
  readonly nodeCount: number;
  readonly rate: number;
  readonly aggregation: number;
  readonly durationSec: number;
  readonly random: () => number;
  readonly allValid: boolean;
}

/** Usually one; a disturbed run and the one in its place in a few spots. */
function attemptsOf(run: RunToMake): RunRow[] {
  const measured = measuredRow(run);
  if (run.allValid) return [measured];
  const spot = run.point * 100 + run.repetition;
  switch (spot) {
    case 203:
      return [
        unfinishedRow(run, "FAILED", "sync: node 7 could not connect to 198.18.0.4:3306"),
        secondAttempt(measured),
      ];
    case 302:
      return [{ ...measured, status: "INVALID", reason: "gap: node 3 stood still for 1.4 s" }, secondAttempt(measured)];
    case 404:
      return [{ ...measured, status: "SUSPECT", reason: "reconnect: node 2 lost a connection, data proven" }];
    case 905:
      return [unfinishedRow(run, "FAILED", "capacity: 16 GiB wanted, 12 GiB free")];
    case 1106:
      return [unfinishedRow(run, "CANCELLED", "cancelled: meshbench cancel")];
    default:
      return [(measured.deviation_pct ?? 0) > 150 ? pastDeadline(measured) : measured];
  }
}

function measuredRow(run: RunToMake): RunRow {
  const expectedSec = run.durationSec;
  const deviationPct = deviationOf(run);
  const elapsedSec = expectedSec * (1 + deviationPct / 100);
  const remoteP99Ms = 6 + run.nodeCount * 1.5 + Math.max(0, elapsedSec - expectedSec) * 990 + run.random() * 4;
  const tuples = run.nodeCount * Math.round((run.rate * run.durationSec) / 60);
  const isVm = run.environment.provider === "qemu";
  return {
    ...unfinishedRow(run, "VALID", ""),
    elapsed_s: round(elapsedSec, 4),
    deviation_pct: round(deviationPct, 4),
    deviation_pct_median: round(deviationPct * 0.8, 4),
    deviation_pct_min: round(deviationPct * 0.6, 4),
    lateness_local_p50_ms: round(2.4 + run.random() * 0.4, 3),
    lateness_local_p99_ms: round(4.8 + run.random() * 1.5 + deviationPct * 2, 3),
    lateness_remote_p50_ms: round(remoteP99Ms * 0.35, 3),
    lateness_remote_p99_ms: round(remoteP99Ms, 3),
    tuples_per_db: tuples,
    consistent: true,
    digest: (run.point * 1000 + run.repetition).toString(16).padStart(16, "0"),
    barrier_skew_ms: round(1 + run.random() * 2, 3),
    provision_s: round((isVm ? 11 : 1.2) + run.nodeCount * (isVm ? 0.4 : 0.2) + run.random() * 0.5, 3),
    sync_s: round(0.4 + run.nodeCount * 0.05 + run.random() * 0.2, 3),
    main_s: round(elapsedSec, 3),
    finalise_s: round(0.2 + run.random() * 0.1, 3),
    collect_s: round(0.3 + tuples / 2e6 + run.random() * 0.1, 3),
    teardown_s: round((isVm ? 2 : 0.8) + run.nodeCount * 0.1 + run.random() * 0.2, 3),
  };
}

/** A row without a figure: the run ended before there was one. */
function unfinishedRow(run: RunToMake, status: RunRow["status"], reason: string): RunRow {
  const { sweepId, point, repetition, environment } = run;
  return {
    sweep_id: sweepId,
    run_id: runIdOf({ sweepId, point, repetition, attempt: 1 }),
    repetition,
    attempt: 1,
    status,
    reason,
    quotable: run.durationSec >= 30,
    environment: environment.name,
    provider: environment.provider,
    isolation: environment.isolation,
    host: environment.host,
    mode: run.mode,
    nodes: run.nodeCount,
    rate_per_min: run.rate,
    aggregation: run.aggregation,
    duration_s: run.durationSec,
    engine: "innodb",
    client: "batched",
    release: "agreed",
    resolve: "addresses",
    phase: "aligned",
    cpus: environment.cpus,
    memory_mib: environment.memoryMib,
    source_sha: "9150e41cbf064e99073932552ae6bca1e51954b8",
    seed: 2018,
    started_at: new Date(STARTED_AT + (repetition * 1000 + point) * 90_000).toISOString(),
    expected_s: run.durationSec,
    ...UNMEASURED,
    tuples_per_db_expected: run.nodeCount * Math.round((run.rate * run.durationSec) / 60),
    fingerprint: environment.provider === "docker" ? "c0ffee00c0ffee00" : "decade00decade00",
  };
}

/** The rows as they are, but for the given columns. */
export const withColumns = (rows: readonly RunRow[], columns: Partial<RunRow>): RunRow[] =>
  rows.map((row) => Object.assign({}, row, columns));

const secondAttempt = (row: RunRow): RunRow => ({
  ...row,
  run_id: row.run_id.replace(/-a1$/, "-a2"),
  attempt: 2,
  started_at: new Date(Date.parse(row.started_at) + 80_000).toISOString(),
});

const pastDeadline = (row: RunRow): RunRow => ({
  ...row,
  status: "INVALID",
  reason: "deadline: 150 s passed in main; the load is beyond this environment",
  elapsed_s: row.expected_s * 2.5,
  deviation_pct: 150,
  consistent: false,
});

/** In percent: flat while the arm keeps up, then as the work piles up; N² D inserts per minute in all. */
function deviationOf({ environment, mode, nodeCount, rate, random }: RunToMake): number {
  const capacity = { containers: 28e6, vms: 36e6 }[environment.name] ?? 20e6;
  const inserts = nodeCount ** 2 * rate * (mode === "replicated" ? 1.25 : 1);
  const overload = Math.max(0, inserts / capacity - 1) * 100;
  return 0.012 + nodeCount * 0.0015 + random() * 0.03 + overload * (0.9 + random() * 0.2);
}

function asEnvironment({ name, provider, host, cpus, memoryMib }: PreparedEnvironment): Environment {
  return { name, provider, host, cpus, memoryMib };
}

/** 0..1, the same series for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));
