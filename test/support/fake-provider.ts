/** A provider in memory: same promises as the real ones, and every call can be made to fail before or after its effect. */

import type { LabelledResource, NodeProvider, NodeSpec, NodeState } from "#activities/providers/provider";
import { BenchError } from "#model/errors";
import { DATABASE_PORT } from "#model/node-protocol";
import type { NodeHandle, PreparedEnvironment, RunSpec } from "#model/run";
import type { Environment } from "#model/spec";
import { SAMPLE_IMAGE_DIGEST } from "#test/support/sample-run";

interface FakeNode {
  readonly runId: string;
  readonly spec: NodeSpec;
  readonly handle: NodeHandle;
  state: NodeState;
  log: string;
}

interface FakeNetwork {
  readonly runId: string;
  readonly deadlineAt: string;
  readonly subnet: number;
}

/** The machine that fake providers work on; two providers on one host stand for two workers. */
export class FakeHost {
  readonly networks = new Map<string, FakeNetwork>();
  /** By name. */
  readonly nodes = new Map<string, FakeNode>();
  /** Names of resources that are not ours. */
  readonly foreignNames = new Set<string>();
  readonly images = new Set<string | undefined>([undefined, SAMPLE_IMAGE_DIGEST]);
  networksMade = 0;
  nodesMade = 0;
}

export type ProviderMethod = Exclude<keyof NodeProvider, "name">;
interface PlannedFailure {
  readonly method: ProviderMethod;
  readonly error: Error;
  readonly moment: "before" | "after";
  readonly nodeIndex?: number | undefined;
}

export class FakeProvider implements NodeProvider {
  readonly name = "docker";
  readonly host: FakeHost;
  /** Every call, as `ensureNode 2`, in the order they came. */
  readonly calls: string[] = [];
  readonly #hostId: string;
  readonly #failures: PlannedFailure[] = [];

  constructor({ host = new FakeHost(), hostId = "here" }: { host?: FakeHost; hostId?: string } = {}) {
    this.host = host;
    this.#hostId = hostId;
  }

  /**
   * The next such call fails, once. `after`: its effect is there, but the caller does not learn of it, as with a cut
   * connection. Call it again for a second failure.
   */
  failNext(
    method: ProviderMethod,
    error: Error,
    { moment = "before", nodeIndex }: { moment?: "before" | "after"; nodeIndex?: number } = {},
  ): void {
    this.#failures.push({ method, error, moment, nodeIndex });
  }

  /** As if it happened from outside: a pause, a crash, `{ state: "missing" }` for a removal. */
  setState(node: Pick<NodeHandle, "name">, state: NodeState): void {
    if (state.state === "missing") this.host.nodes.delete(node.name);
    else this.#find(node).state = state;
  }

  appendLog(node: Pick<NodeHandle, "name">, text: string): void {
    this.#find(node).log += text;
  }

  prepareEnvironment(environment: Environment): Promise<PreparedEnvironment> {
    return this.#call("prepareEnvironment", undefined, () => {
      if (!this.host.images.has(environment.image)) {
        const image = environment.image ?? "the node image";
        throw new BenchError("image", `${image} is missing here`, { host: this.#hostId });
      }
      return {
        ...environment,
        imageDigest: environment.image ?? SAMPLE_IMAGE_DIGEST,
        isolation: "container" as const,
        facts: { engine: "fake" },
      };
    });
  }

  ensureRun(run: RunSpec, deadlineAt: string, signal: AbortSignal): Promise<void> {
    return this.#call("ensureRun", undefined, () => {
      signal.throwIfAborted();
      if (this.host.networks.has(run.runId)) return;
      this.host.networks.set(run.runId, { runId: run.runId, deadlineAt, subnet: this.host.networksMade++ });
    });
  }

  ensureNode(run: RunSpec, spec: NodeSpec, signal: AbortSignal): Promise<NodeHandle> {
    return this.#call("ensureNode", spec.index, () => {
      signal.throwIfAborted();
      const name = `${run.runId}-n${spec.index}`;
      if (this.host.foreignNames.has(name)) {
        throw new BenchError("name taken", `a foreign container is called ${name}`, { node: spec.index });
      }
      const existing = this.host.nodes.get(name);
      return existing?.handle ?? this.#createNode(run, spec, name);
    });
  }

  inspectNodes(_run: RunSpec, nodes: readonly NodeHandle[]): Promise<NodeState[]> {
    return this.#call("inspectNodes", undefined, () =>
      nodes.map(({ id, name }) => {
        const node = this.host.nodes.get(name);
        return node?.handle.id === id ? node.state : { state: "missing" as const };
      }),
    );
  }

  readLogs(runId: string, nodeIndex: number): Promise<string> {
    return this.#call("readLogs", nodeIndex, () => {
      const node = this.host.nodes.get(`${runId}-n${nodeIndex}`);
      if (!node) throw new BenchError("node lost", "its container is gone", { node: nodeIndex });
      return node.log;
    });
  }

  destroyRun(runId: string): Promise<number> {
    return this.#call("destroyRun", undefined, () => {
      const names = [...this.host.nodes].filter(([, node]) => node.runId === runId).map(([name]) => name);
      for (const name of names) this.host.nodes.delete(name);
      return names.length + (this.host.networks.delete(runId) ? 1 : 0);
    });
  }

  listLabelled(): Promise<LabelledResource[]> {
    return this.#call("listLabelled", undefined, () => [
      ...[...this.host.nodes.values()].map(({ runId, spec, handle }) =>
        this.#resource("container", runId, {
          id: handle.id,
          name: handle.name,
          deadlineAt: spec.deadlineAt,
          node: spec.index,
        }),
      ),
      ...[...this.host.networks.values()].map(({ runId, deadlineAt }) =>
        this.#resource("network", runId, { id: `network-${runId}`, name: `meshbench-${runId}`, deadlineAt }),
      ),
    ]);
  }

  #createNode(run: RunSpec, spec: NodeSpec, name: string): NodeHandle {
    const network = this.host.networks.get(run.runId);
    if (!network) throw new Error(`run ${run.runId} has no network: ensureRun comes first`);
    if (!this.host.images.has(run.environment.imageDigest)) {
      throw new BenchError("image", `${run.environment.imageDigest} is missing here`, { node: spec.index });
    }
    const id = `fake-${++this.host.nodesMade}`;
    const address = `198.18.${network.subnet % 256}.${spec.index + 1}`;
    const handle: NodeHandle = { index: spec.index, id, name, address, port: DATABASE_PORT };
    this.host.nodes.set(name, { runId: run.runId, spec, handle, state: { state: "running" }, log: "" });
    return handle;
  }

  #resource(
    kind: LabelledResource["kind"],
    runId: string,
    rest: Pick<LabelledResource, "id" | "name" | "deadlineAt" | "node">,
  ): LabelledResource {
    return { kind, runId, host: this.#hostId, ...rest };
  }

  #find({ name }: Pick<NodeHandle, "name">): FakeNode {
    const node = this.host.nodes.get(name);
    if (!node) throw new Error(`no fake node ${name}`);
    return node;
  }

  async #call<T>(method: ProviderMethod, nodeIndex: number | undefined, effect: () => T): Promise<T> {
    this.calls.push(nodeIndex === undefined ? method : `${method} ${nodeIndex}`);
    await Promise.resolve();
    this.#failIfPlanned(method, "before", nodeIndex);
    const result = effect();
    this.#failIfPlanned(method, "after", nodeIndex);
    return result;
  }

  #failIfPlanned(method: ProviderMethod, moment: "before" | "after", nodeIndex: number | undefined): void {
    const at = this.#failures.findIndex(
      (failure) =>
        failure.method === method &&
        failure.moment === moment &&
        (failure.nodeIndex === undefined || failure.nodeIndex === nodeIndex),
    );
    const [failure] = at === -1 ? [] : this.#failures.splice(at, 1);
    if (failure) throw failure.error;
  }
}
