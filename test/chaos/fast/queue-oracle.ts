/**
 * Whether a host's queue serves whom it should: seen from outside, by the messages that reached it and the grants it sent.
 * Knows nothing of how the queue decides, and holds back where it cannot know what the queue knew.
 */

import { hostWorkflowId } from "#model/ids";
import type { HostRequest } from "#model/host-queue";
import { decode } from "#test/chaos/fast/simulated-workflow";
import type { Job } from "#test/chaos/fast/simulated-workflow";
import type { ExecutionStatus, WorkflowTask } from "#test/chaos/fast/simulated-temporal";

interface KnownPlace {
  readonly owner: string;
  readonly priority: number;
  readonly arrivedAt: string;
  readonly order: number;
}

interface KnownLine {
  readonly places: readonly KnownPlace[];
  readonly aside: ReadonlySet<string>;
}

export interface OracleView {
  isRunning(workflowId: string): boolean;
  /** Whether its nodes are on the host already: such a run goes before all others. */
  occupies(runWorkflowId: string): boolean;
}

export class QueueOracle {
  readonly violations: string[] = [];
  /** How often somebody got a host while others waited. */
  contested = 0;
  readonly #workflowId: string;
  readonly #view: OracleView;
  readonly #places = new Map<string, KnownPlace>();
  readonly #ownerOf = new Map<string, string>();
  readonly #aside = new Set<string>();
  #granted: string | undefined;
  /** Whoever gets the host is told once nobody is watched any more: who comes meanwhile finds it given. */
  #deciding: KnownLine | undefined;
  #order = 0;

  constructor(host: string, view: OracleView) {
    this.#workflowId = hostWorkflowId(host);
    this.#view = view;
  }

  onClosed(workflowId: string, status: ExecutionStatus): void {
    if (status === "CONTINUED_AS_NEW") return;
    // Whoever ended is out of line as soon as the queue hears of it; whether it has is not to be seen from here.
    this.#places.delete(workflowId);
    this.#aside.delete(workflowId);
    if (workflowId === this.#workflowId) this.forget();
  }

  /** The queue is gone, with all that it knew. */
  forget(): void {
    this.#places.clear();
    this.#aside.clear();
    this.#granted = undefined;
    this.#deciding = undefined;
  }

  onTask({ workflowId, jobs, commands }: WorkflowTask): void {
    if (workflowId !== this.#workflowId) return;
    const known = this.#deciding ?? { places: [...this.#places.values()], aside: new Set(this.#aside) };
    for (const job of jobs) this.#hear(job);
    for (const { signalExternalWorkflowExecution: sent } of commands) {
      if (sent?.signalName !== "hostGranted") continue;
      const holder = sent.workflowExecution?.workflowId ?? "";
      if (holder !== this.#granted) this.#judge(holder, known);
      this.#granted = holder;
    }
    if (commands.some(({ requestCancelActivity }) => requestCancelActivity)) this.#deciding = known;
    else if (commands.some(({ scheduleActivity }) => scheduleActivity)) this.#deciding = undefined;
  }

  /** Those that stood in line before, and still do, must come after whoever gets the host. */
  #judge(holder: string, { places: before, aside: asideBefore }: KnownLine): void {
    if (this.#view.occupies(holder)) return;
    const owner = this.#ownerOf.get(holder);
    const own = before.find((place) => place.owner === owner) ?? (owner ? this.#places.get(owner) : undefined);
    if (own === undefined) return;
    const others = before.filter(
      (place) =>
        place.owner !== owner &&
        this.#places.get(place.owner) === place &&
        this.#view.isRunning(place.owner) &&
        !asideBefore.has(place.owner) &&
        !this.#aside.has(place.owner),
    );
    if (others.length > 0) this.contested += 1;
    const better = others.find((place) => rank(place) < rank(own));
    if (better) this.violations.push(`${holder} of ${own.owner} got the host although ${better.owner} was before it`);
  }

  /** An owner that was begun anew has another place. */
  #isNew({ owner, arrivedAt }: HostRequest): boolean {
    const known = this.#places.get(owner);
    return this.#view.isRunning(owner) && (known === undefined || known.arrivedAt < arrivedAt);
  }

  #hear(job: Job): void {
    const { signalName, input } = job.signalWorkflow ?? {};
    if (signalName === undefined || signalName === null) return;
    const message = decode(input?.[0]) as HostRequest;
    switch (signalName) {
      case "requestHost":
        this.#ownerOf.set(message.holder, message.owner);
        if (this.#isNew(message)) {
          const { owner, priority, arrivedAt } = message;
          this.#places.set(owner, { owner, priority, arrivedAt, order: ++this.#order });
        }
        break;
      case "releaseHost":
        this.#places.delete(message.holder);
        break;
      case "leaveLine":
        this.#places.delete(message.owner);
        this.#aside.delete(message.owner);
        break;
      case "standAside":
        this.#aside.add(message.owner);
        break;
      case "comeBack":
        this.#aside.delete(message.owner);
        break;
    }
  }
}

/** Sorts as text: greatest priority, earliest arrival, first come. */
const rank = ({ priority, arrivedAt, order }: KnownPlace): string =>
  [String(9 - priority), arrivedAt, String(order).padStart(6, "0")].join(" ");
