/** Resources that look like Meshbench's and are not, planted before a fault and looked at after it. */

import { isDeepStrictEqual } from "node:util";
import Docker from "dockerode";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { LABEL } from "#model/ids";
import { requireNodeImage } from "#test/support/node-image";

/** On everything planted here, so that all of it is found again. */
const DECOY_LABEL = "meshbench-chaos.decoy";
const LONG_AGO = "2020-01-01T00:00:00.000Z";

export class Decoys implements AsyncDisposable {
  readonly #docker = new Docker(resolveDockerEndpoint().options);
  readonly #hostId: string;
  readonly #planted = new Map<string, object>();

  private constructor(hostId: string) {
    this.#hostId = hostId;
  }

  /** Similar names, foreign labels; one of them runs. */
  static async plant(hostId: string): Promise<Decoys> {
    const decoys = new Decoys(hostId);
    const otherHost = `${hostId}0`;
    await decoys.#container(`${hostId}-p1-r1-a1-n1`, {}, { isRunning: true });
    await decoys.#container(`meshbench-lease-${hostId}`, { [LABEL.host]: otherHost, [LABEL.deadline]: LONG_AGO });
    await decoys.#container(`${hostId}-p1-r1-a1-n2`, {
      [LABEL.run]: `${hostId}-p1-r1-a1`,
      [LABEL.host]: otherHost,
      [LABEL.deadline]: LONG_AGO,
    });
    await decoys.#network(`meshbench-${hostId}-decoy`, { [LABEL.host]: otherHost, [LABEL.deadline]: LONG_AGO });
    await decoys.#volume(`meshbench-${hostId}-volume`, { [LABEL.host]: otherHost });
    return decoys;
  }

  /** As names and labels of this very run's nodes go, but for the host. */
  async plantBeside(runId: string): Promise<void> {
    const deadline = { [LABEL.deadline]: LONG_AGO };
    await this.#container(`${runId}-n99`, { [LABEL.run]: runId, [LABEL.host]: `${this.#hostId}0`, ...deadline });
    await this.#container(`${runId}0-n1`, { "foreign.run": runId });
    await this.#network(`meshbench-${runId}-decoy`, { "foreign.run": runId });
  }

  /** What ran ended with its engine, and runs again: nobody's fault. @throws Where one is gone. */
  async revive(): Promise<void> {
    for (const [what, before] of this.#planted) {
      if ((before as { status?: string }).status !== "running") continue;
      await this.#docker.getContainer(what.split(" ")[1] ?? "").start();
      await this.#remember(what);
    }
  }

  /** @returns A line for each that is gone or not as it was. */
  async findTouched(): Promise<string[]> {
    const checks = [...this.#planted].map(async ([what, before]) => {
      const now = await this.#look(what);
      return isDeepStrictEqual(now, before) ? [] : [`${what} was ${JSON.stringify(before)}, is ${JSON.stringify(now)}`];
    });
    return (await Promise.all(checks)).flat();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const filters = { label: [`${DECOY_LABEL}=${this.#hostId}`] };
    for (const { Id } of await this.#docker.listContainers({ all: true, filters })) {
      await this.#docker.getContainer(Id).remove({ force: true, v: true });
    }
    for (const { Id } of await this.#docker.listNetworks({ filters })) await this.#docker.getNetwork(Id).remove();
    const { Volumes: volumes } = await this.#docker.listVolumes({ filters });
    for (const { Name } of volumes) await this.#docker.getVolume(Name).remove();
  }

  async #container(name: string, labels: Labels, { isRunning = false } = {}): Promise<void> {
    const { tag: Image } = await requireNodeImage();
    const container = await this.#docker.createContainer({
      name,
      Image,
      Entrypoint: ["sleep"],
      Cmd: ["infinity"],
      Labels: this.#labelled(labels),
      HostConfig: { NetworkMode: "none" },
      // The image's own ways of ending are for nodes.
      StopSignal: "SIGKILL",
    });
    if (isRunning) await container.start();
    await this.#remember(`container ${name}`);
  }

  async #network(name: string, labels: Labels): Promise<void> {
    await this.#docker.createNetwork({ Name: name, Internal: true, Labels: this.#labelled(labels) });
    await this.#remember(`network ${name}`);
  }

  async #volume(name: string, labels: Labels): Promise<void> {
    await this.#docker.createVolume({ Name: name, Labels: this.#labelled(labels) });
    await this.#remember(`volume ${name}`);
  }

  async #remember(what: string): Promise<void> {
    this.#planted.set(what, await this.#look(what));
  }

  async #look(what: string): Promise<object> {
    const [kind, name = ""] = what.split(" ");
    try {
      if (kind === "network") return { id: ((await this.#docker.getNetwork(name).inspect()) as { Id: string }).Id };
      if (kind === "volume")
        return { createdAt: ((await this.#docker.getVolume(name).inspect()) as Created).CreatedAt };
      const { Id: id, State: state } = await this.#docker.getContainer(name).inspect();
      return { id, status: state.Status, startedAt: state.StartedAt };
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode === 404) return { gone: true };
      throw error;
    }
  }

  #labelled(labels: Labels): Labels {
    return { ...labels, [DECOY_LABEL]: this.#hostId };
  }
}

type Labels = Record<string, string>;
type Created = { readonly CreatedAt?: string };
