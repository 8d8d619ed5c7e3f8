/**
 * The mark of a Docker engine: a container that never starts, of a name that the engine gives to one at a time. A later
 * deadline is a second container of the same token beside it.
 */

import type { ContainerCreateOptions, ContainerInspectInfo } from "dockerode";
import type { EngineFence, FenceClaim, FenceHolder } from "#activities/fence/fence-mark";
import { inspectContainer, removeContainer } from "#activities/providers/docker-container";
import { ChangedMeanwhileError, isStatus } from "#activities/providers/docker-engine";
import type { DockerEngine } from "#activities/providers/docker-engine";
import { labelsOf } from "#activities/providers/labels";
import { BenchError } from "#model/errors";
import { LABEL } from "#model/ids";
import { isPastDeadline } from "#model/reaping";

const NAME = "meshbench-lease";

export class DockerLease implements EngineFence {
  readonly #engine: DockerEngine;
  readonly #now: () => Date;

  constructor(engine: DockerEngine, now: () => Date) {
    this.#engine = engine;
    this.#now = now;
  }

  take(claim: FenceClaim, signal: AbortSignal): Promise<FenceHolder | undefined> {
    return this.#engine.converge(signal, async () => {
      const existing = await inspectContainer(this.#engine, NAME, signal);
      if (!existing) return this.#create(NAME, claim, signal);
      const lease = describeHolder(existing);
      const isOwn = lease.token === claim.token;
      const holder = await this.#withExtensions(lease, isOwn ? Date.parse(claim.deadlineAt) : this.#nowMs);
      if (isPastDeadline(holder.deadlineAt, this.#now())) {
        // By its id: whoever took it over meanwhile has another one.
        await removeContainer(this.#engine, existing.Id, signal);
        throw new ChangedMeanwhileError(`${NAME} was past its deadline`);
      }
      if (!isOwn) return holder;
      // Labels cannot be changed, and a lease that is made anew is nobody's for a moment: somebody would take it.
      if (isBefore(holder.deadlineAt, claim.deadlineAt)) await this.#create(extensionNameOf(claim), claim, signal);
      return undefined;
    });
  }

  async engineId(): Promise<string> {
    const { ID: id } = (await this.#engine.read("ask who the engine is", undefined, (docker) => docker.info())) as {
      ID: string;
    };
    return id;
  }

  async holds(token: string): Promise<boolean> {
    const holder = await this.#find();
    return holder?.token === token && Date.parse(holder.deadlineAt) > this.#nowMs;
  }

  async list(): Promise<FenceHolder[]> {
    const [holder, marks] = await Promise.all([this.#find(Infinity), this.#listMarks()]);
    // Of whose lease was over and taken by somebody else.
    const stray = marks.filter(({ token, name }) => name !== NAME && token !== holder?.token);
    return [...(holder ? [holder] : []), ...stray.map(({ labels, name }) => describeLabels(labels, name))];
  }

  async release(runId: string): Promise<void> {
    const marks = (await this.#listMarks()).filter(({ labels }) => labels[LABEL.run] === runId);
    // The lease goes last: as long as it is there, nobody else has the engine.
    for (const { id } of marks.toSorted((a, b) => Number(a.name === NAME) - Number(b.name === NAME))) {
      await this.#engine.converge(undefined, () => removeContainer(this.#engine, id));
    }
  }

  async #find(untilMs = this.#nowMs): Promise<FenceHolder | undefined> {
    const existing = await this.#engine.converge(undefined, () => inspectContainer(this.#engine, NAME));
    return existing && this.#withExtensions(describeHolder(existing), untilMs);
  }

  get #nowMs(): number {
    return this.#now().getTime();
  }

  /** With the last of its deadlines, where its first one does not reach until then. */
  async #withExtensions(holder: FenceHolder, untilMs: number): Promise<FenceHolder> {
    const { token, deadlineAt } = holder;
    if (token === "" || Date.parse(deadlineAt) > untilMs) return holder;
    const marks = (await this.#listMarks()).filter((mark) => mark.token === token);
    const last = marks.map(({ labels }) => labels[LABEL.deadline] ?? "").reduce(laterOf, deadlineAt);
    return { ...holder, deadlineAt: last };
  }

  /** The lease and what extends it; one without a token only has the name. */
  async #listMarks(): Promise<{ id: string; name: string; token: string; labels: Record<string, string> }[]> {
    const filters = { label: [LABEL.token] };
    const containers = await this.#engine.read("list leases", undefined, (docker, abortSignal) =>
      docker.listContainers({ all: true, filters, abortSignal }),
    );
    return containers.map(({ Id, Names, Labels }) => ({
      id: Id,
      name: Names[0]?.replace(/^\//, "") ?? "",
      token: Labels[LABEL.token] ?? "",
      labels: Labels,
    }));
  }

  async #create(name: string, claim: FenceClaim, signal: AbortSignal): Promise<undefined> {
    const body = {
      Image: claim.imageDigest,
      Labels: { ...labelsOf(claim), [LABEL.token]: claim.token },
      HostConfig: { NetworkMode: "none" },
    };
    try {
      await this.#engine.make(`create container ${name}`, signal, (docker, abortSignal) =>
        docker.createContainer({ _query: { name }, _body: body, abortSignal } as ContainerCreateOptions),
      );
    } catch (error) {
      if (isStatus(error, 409)) throw new ChangedMeanwhileError(error.message, { cause: error });
      if (isStatus(error, 404)) throw new BenchError("image", `${claim.imageDigest} is no longer there`);
      throw error;
    }
  }
}

/** Of this run and deadline, so that it is made once. */
const extensionNameOf = ({ token, deadlineAt }: FenceClaim): string => `${NAME}-${token}-${Date.parse(deadlineAt)}`;

const isBefore = (a: string, b: string): boolean => Date.parse(a) < Date.parse(b);
const laterOf = (a: string, b: string): string => (isBefore(a, b) ? b : a);

const describeHolder = ({ Config: { Labels } }: ContainerInspectInfo): FenceHolder => describeLabels(Labels, NAME);

function describeLabels(labels: Record<string, string>, name: string): FenceHolder {
  const label = (key: string) => labels[key] ?? "";
  return {
    runId: label(LABEL.run),
    host: label(LABEL.host),
    deadlineAt: label(LABEL.deadline),
    token: label(LABEL.token),
    where: `container ${name}`,
  };
}
