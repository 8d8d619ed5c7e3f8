/** What an installation sees of a simulated engine: nodes, their databases, and the API that the lease container needs. */

import type Docker from "dockerode";
import type { NodeDatabase } from "#activities/database/node-database";
import { DockerEngine } from "#activities/providers/docker-engine";
import { DockerLease } from "#activities/providers/docker-lease";
import type { LabelledResource, NodeProvider, NodeSpec, NodeState } from "#activities/providers/provider";
import { BenchError } from "#model/errors";
import { LABEL } from "#model/ids";
import { DATABASE_PORT } from "#model/node-protocol";
import type { Assignment } from "#model/node-protocol";
import type { NodeHandle, RunSpec } from "#model/run";
import { digestOfNode, formatDigest } from "#model/tuples";
import { jobNow } from "#test/chaos/fast/simulated-process";
import type { Container, SimulatedEngine, SimulatedNode } from "#test/chaos/fast/simulated-machine";
import { faultlessResult } from "#test/support/fake-node-database";
import { SAMPLE_IMAGE_DIGEST } from "#test/support/sample-run";

/** Every call is one of the process that is acting. */
const call = <T>(engine: SimulatedEngine, effect: () => T): Promise<T> =>
  jobNow().process.call(() => engine.answer(effect), engine.latencyMs);

export function simulatedProvider(engine: SimulatedEngine, hostId: string): NodeProvider {
  const isOwn = (labels: Readonly<Record<string, string>>, runId: string) =>
    labels[LABEL.run] === runId && labels[LABEL.host] === hostId && labels[LABEL.token] === undefined;
  const labelsOf = (runId: string, deadlineAt: string) => ({
    [LABEL.run]: runId,
    [LABEL.host]: hostId,
    [LABEL.deadline]: deadlineAt,
  });
  const leaseEngine = new DockerEngine(leaseApiOf(engine), hostId);

  return {
    name: "docker",
    fence: new DockerLease(leaseEngine, () => new Date()),

    prepareEnvironment: (environment) =>
      call(engine, () => ({
        ...environment,
        imageDigest: SAMPLE_IMAGE_DIGEST,
        isolation: "container" as const,
        facts: { engine: engine.id },
      })),

    ensureRun: (run, deadlineAt, signal) => {
      const { process: by } = jobNow();
      return call(engine, () => {
        signal.throwIfAborted();
        engine.ensureNetwork(run.runId, labelsOf(run.runId, deadlineAt), by);
      });
    },

    ensureNode: async (run: RunSpec, { index, deadlineAt }: NodeSpec, signal: AbortSignal) => {
      // By the worker's clock, as the node's own then counts.
      const endsAfterMs = Math.max(1000, Date.parse(deadlineAt) - Date.now());
      const { process: by } = jobNow();
      const labels = labelsOf(run.runId, deadlineAt);
      const container = await call(engine, () => {
        signal.throwIfAborted();
        const existing = engine.containers.get(`${run.runId}-n${index}`);
        if (existing === undefined) return engine.createNode(run, { index, labels, endsAfterMs, by });
        if (!isOwn(existing.labels, run.runId)) throw new BenchError("name taken", existing.name, { node: index });
        return existing;
      });
      return handleOf(container);
    },

    inspectNodes: (_run, nodes) =>
      call(engine, () =>
        nodes.map(({ id, name }): NodeState => {
          const container = engine.containers.get(name);
          return container?.id === id && container.node ? container.node.state : { state: "missing" };
        }),
      ),

    readLogs: (runId, index) =>
      call(engine, () => {
        if (!engine.containers.has(`${runId}-n${index}`)) throw new BenchError("node lost", "gone", { node: index });
        return "";
      }),

    // One call each, as the engine has it: whoever dies between two has removed a part.
    destroyRun: async (runId) => {
      const names = await call(engine, () =>
        [...engine.containers.values()].filter(({ labels }) => isOwn(labels, runId)).map(({ name }) => name),
      );
      for (const name of names) await call(engine, () => engine.remove(name));
      const network = engine.networks.get(`network-${runId}`);
      if (network === undefined || !isOwn(network.labels, runId)) return names.length;
      await call(engine, () => engine.networks.delete(network.id));
      return names.length + 1;
    },

    listLabelled: () =>
      call(engine, () => [
        ...[...engine.containers.values()]
          .filter(({ labels }) => LABEL.run in labels && !(LABEL.token in labels))
          .map(({ id, name, labels, node }) => resourceOf("container", id, name, labels, node?.index)),
        ...[...engine.networks.values()]
          .filter(({ labels }) => LABEL.run in labels)
          .map(({ id, labels }) => resourceOf("network", id, id, labels, undefined)),
      ]),
  };
}

function resourceOf(
  kind: LabelledResource["kind"],
  id: string,
  name: string,
  labels: Readonly<Record<string, string>>,
  node: number | undefined,
): LabelledResource {
  return {
    kind,
    id,
    name,
    runId: labels[LABEL.run] ?? "",
    host: labels[LABEL.host] ?? "",
    deadlineAt: labels[LABEL.deadline] ?? "",
    ...(node !== undefined && { node }),
  };
}

function handleOf({ id, name, node }: Container): NodeHandle {
  return { index: node?.index ?? 0, id, name, address: node?.address ?? "", port: DATABASE_PORT };
}

/** As much of dockerode as `DockerLease` calls. */
function leaseApiOf(engine: SimulatedEngine): Docker {
  const api = {
    info: () => call(engine, () => ({ ID: engine.id })),
    getContainer: (idOrName: string) => ({
      inspect: () =>
        call(engine, () => ({ Id: find(engine, idOrName).id, Config: { Labels: find(engine, idOrName).labels } })),
      remove: () => call(engine, () => engine.remove(find(engine, idOrName).name)),
    }),
    listContainers: ({ filters }: { filters: { label: [string] } }) =>
      call(engine, () =>
        [...engine.containers.values()]
          .filter(({ labels }) => filters.label[0] in labels)
          .map(({ id, name, labels }) => ({ Id: id, Names: [`/${name}`], Labels: labels })),
      ),
    createContainer: ({ _query, _body }: { _query: { name: string }; _body: { Labels: Record<string, string> } }) =>
      call(engine, () => {
        if (engine.containers.has(_query.name)) throw Object.assign(new Error("conflict"), { statusCode: 409 });
        const container = { id: engine.machine.newId(), name: _query.name, labels: _body.Labels };
        engine.containers.set(_query.name, container);
        return container;
      }),
  };
  return api as unknown as Docker;
}

function find(engine: SimulatedEngine, idOrName: string): Container {
  const found = [...engine.containers.values()].find(({ id, name }) => id === idOrName || name === idOrName);
  if (found === undefined) throw Object.assign(new Error("no such container"), { statusCode: 404 });
  return found;
}

/** The databases of a run's nodes, as far as the nodes are there. */
export function simulatedDatabase(engine: SimulatedEngine): NodeDatabase {
  const ask = <T>({ id, name, address }: NodeHandle, answer: (node: SimulatedNode) => T): Promise<T> =>
    jobNow().process.call((): T | Promise<T> => {
      const container = engine.containers.get(name);
      const { node } = container ?? {};
      if (container?.id !== id || node === undefined || node.state.state === "exited") {
        throw Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: "ECONNREFUSED" });
      }
      return node.state.state === "paused" ? new Promise<T>(() => {}) : answer(node);
    });

  return {
    answers: (handle) => ask(handle, () => true).catch(() => false),
    prepareTables: (handle) => ask(handle, (node) => void (node.hasTables = true)),
    assign: (handle, assignment) => ask(handle, (node) => engine.assign(node, assignment)),
    readProgress: (handle) => ask(handle, (node) => ({ phase: engine.phaseOf(node), tuplesLocal: 0, tuplesRemote: 0 })),
    readResult: (handle) =>
      ask(handle, (node) => {
        const { assignment, longestGapMs } = node;
        if (assignment === undefined || engine.phaseOf(node) !== "done") throw new Error("no result yet");
        return { ...faultlessResult(assignment), longestGapMs };
      }),
    prove: async (handle) => {
      const peers = await ask(handle, (node) => engine.nodesOf(node.runId).map(({ assignment }) => assignment));
      return { node: handle.index, ...(await contentOf(handle.index, peers)), serverUptimeSec: 60 };
    },
    close: async () => {},
  };
}

/** What each database of a run holds in the end: everybody's tuples once, or its own in as many copies. */
async function contentOf(index: number, assignments: readonly (Assignment | undefined)[]) {
  const all = assignments.filter((one) => one !== undefined);
  const own = all.find(({ nodeIndex }) => nodeIndex === index);
  if (own === undefined) return { rows: 0, distinctRows: 0, digest: formatDigest(0n) };
  const rows = own.peers.length * own.tupleCount;
  const isBaseline = own.mode === "baseline";
  const copies = isBaseline ? own.peers.map((_, copy) => copy) : [0];
  let sum = 0n;
  for (const one of isBaseline ? [own] : all) sum += await digestOfNode(one.tupleSeed, one.tupleCount, copies);
  return { rows, distinctRows: rows, digest: formatDigest(sum) };
}
