/** The mark of a Docker engine: a container that never starts, of a name that the engine gives to one at a time. */

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
      if (!existing) return this.#create(claim, signal);
      const holder = describeHolder(existing);
      const isOwn = holder.token === claim.token;
      if (isOwn && holder.deadlineAt === claim.deadlineAt) return undefined;
      if (!isOwn && !isPastDeadline(holder.deadlineAt, this.#now())) return holder;
      // By its id: whoever took it over meanwhile has another one.
      await removeContainer(this.#engine, existing.Id, signal);
      throw new ChangedMeanwhileError(`${NAME} had another deadline`);
    });
  }

  async engineId(): Promise<string> {
    const { ID: id } = (await this.#engine.read("ask who the engine is", undefined, (docker) => docker.info())) as {
      ID: string;
    };
    return id;
  }

  async holds(token: string): Promise<boolean> {
    const [holder] = await this.list();
    return holder?.token === token && Date.parse(holder.deadlineAt) > this.#now().getTime();
  }

  async list(): Promise<FenceHolder[]> {
    const existing = await this.#find();
    return existing ? [describeHolder(existing)] : [];
  }

  async release(runId: string): Promise<void> {
    const existing = await this.#find();
    if (!existing) return;
    const holder = describeHolder(existing);
    // One without a token only has the name.
    if (holder.runId !== runId || holder.token === "") return;
    await this.#engine.converge(undefined, () => removeContainer(this.#engine, existing.Id));
  }

  #find(): Promise<ContainerInspectInfo | undefined> {
    return this.#engine.converge(undefined, () => inspectContainer(this.#engine, NAME));
  }

  async #create(claim: FenceClaim, signal: AbortSignal): Promise<undefined> {
    const body = {
      Image: claim.imageDigest,
      Labels: { ...labelsOf(claim), [LABEL.token]: claim.token },
      HostConfig: { NetworkMode: "none" },
    };
    try {
      await this.#engine.make(`create container ${NAME}`, signal, (docker, abortSignal) =>
        docker.createContainer({ _query: { name: NAME }, _body: body, abortSignal } as ContainerCreateOptions),
      );
    } catch (error) {
      if (isStatus(error, 409)) throw new ChangedMeanwhileError(error.message, { cause: error });
      if (isStatus(error, 404)) throw new BenchError("image", `${claim.imageDigest} is no longer there`);
      throw error;
    }
  }
}

function describeHolder({ Config: { Labels } }: ContainerInspectInfo): FenceHolder {
  const label = (name: string) => Labels[name] ?? "";
  return {
    runId: label(LABEL.run),
    host: label(LABEL.host),
    deadlineAt: label(LABEL.deadline),
    token: label(LABEL.token),
    where: `container ${NAME}`,
  };
}
