/** Where a run stands: its query's answer, its page in Temporal, and how long each step took. */

import { setCurrentDetails, setHandler } from "@temporalio/workflow";
import type { Prospect } from "#model/host-outlook";
import { hostWorkflowId } from "#model/ids";
import type { RunSpec, Step } from "#model/run";
import { STEP_COLUMNS } from "#model/run-row";
import type { PartialMeasurement } from "#model/run-row";
import { getRunProgressQuery } from "#workflows/messages";
import type { RunProgress } from "#workflows/messages";

export class RunJournal {
  readonly #run: RunSpec;
  readonly #stepsDone: { step: string; tookSec: number }[] = [];
  #isAttached = false;
  #step: RunProgress["step"] = "queued";
  #startedMs = Date.now();
  /** How the line looked when it was last asked. */
  #prospect: Prospect | undefined;

  constructor(run: RunSpec) {
    this.#run = run;
    setHandler(getRunProgressQuery, () => ({
      runId: run.runId,
      step: this.#step,
      stepStartedAt: new Date(this.#startedMs).toISOString(),
      ...(this.#step === "queued" && this.#prospect && { prospect: this.#prospect }),
    }));
    this.#show();
  }

  get step(): RunProgress["step"] {
    return this.#step;
  }

  get stepStartedMs(): number {
    return this.#startedMs;
  }

  /** An earlier workflow did a part of it, which nobody measured. */
  get isAttached(): boolean {
    return this.#isAttached;
  }

  attached(): void {
    this.#isAttached = true;
  }

  /** How long the steps took that have ended, as columns of a row. */
  get measured(): PartialMeasurement {
    if (this.#isAttached) return {};
    const columns = this.#stepsDone.flatMap(({ step, tookSec }) =>
      isDurableStep(step) ? [[STEP_COLUMNS[step], tookSec]] : [],
    );
    return Object.fromEntries(columns) as PartialMeasurement;
  }

  waiting(prospect: Prospect): void {
    this.#prospect = prospect;
    this.#show();
  }

  begin(step: RunProgress["step"]): void {
    const nowMs = Date.now();
    this.#stepsDone.push({ step: this.#step, tookSec: (nowMs - this.#startedMs) / 1000 });
    this.#step = step;
    this.#startedMs = nowMs;
    this.#show();
  }

  #show(): void {
    const done = this.#stepsDone.map(({ step, tookSec }) => `${step} ${tookSec.toFixed(1)} s`).join(", ");
    setCurrentDetails([this.#describeStep(), done].filter(Boolean).join("\n\n"));
  }

  #describeStep(): string {
    const { host } = this.#run.environment;
    if (this.#step === "queued") return [`waiting in line for host ${host}`, ...this.#describeLine()].join("\n\n");
    if (this.#step === "recorded") return "done, the row is stored";
    const since = new Date(this.#startedMs).toISOString();
    return `**${this.#step}** since ${since}, by the worker of ${host} or waiting for one (task queue host-${host})`;
  }

  #describeLine(): string[] {
    if (this.#prospect === undefined) return [];
    const { position, waitingFor, estimatedStartAt } = this.#prospect;
    const { host } = this.#run.environment;
    const place = position === undefined ? [] : [`place ${position}`];
    const start = estimatedStartAt === undefined ? [] : [`starts about ${estimatedStartAt}`];
    return [[...place, ...start, waitingFor].join("; "), `the newest word on this: workflow ${hostWorkflowId(host)}`];
  }
}

const isDurableStep = (step: string): step is Step => Object.hasOwn(STEP_COLUMNS, step);
