/** What Meshbench works with: engine, node image, Temporal, worker, the operator's file. */

import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { nodeImageTag } from "#activities/image/node-image";
import { describeLeftover } from "#activities/reap-host";
import { isLegible } from "#model/reaping";
import { SEARCH_ATTRIBUTES } from "#model/search-attributes";
import { readHostsFile } from "#worker/hosts-file";
import { findFailingWorkflows } from "#worker/failing-workflows";
import type { Installation } from "#worker/installation";
import { readLocalServices } from "#worker/local-services";
import { connectClient, listSearchAttributes, readTemporalSettings } from "#worker/temporal-connection";
import { readHostIds } from "#worker/limits";
import { type HostReaping, reapHere } from "#worker/reap";
import { showCommand } from "#infra/console/commands";
import { type Check, type Finding, missing, ok, warning } from "#infra/doctor/check";
import { engineHasImage, type FoundEngine, findEngine } from "#infra/engine/engine";
import { findOtherEngine } from "#infra/engine/same-engine";
import { temporalBinary } from "#infra/temporal/binary";
import { queuesWithoutPoller } from "#worker/task-queues";
import { configuredTemporalAddress } from "#infra/temporal/server";

const UP = "npx meshbench up";
/** The API of Docker 20.10, the oldest engine tried. */
const OLDEST_API = "1.41";

/** @returns The checks, and what closes their connection when they are done. */
export function serviceChecks(installation: Installation): { checks: Check[]; close: () => Promise<void> } {
  // Each is asked once, whoever needs the answer.
  const engine = findEngine();
  const client = connectClient();
  const checks: Check[] = [
    { name: "Docker engine", look: async () => judgeEngine(await engine) },
    { name: "engine in use", look: async () => lookAtOtherEngine(installation) },
    { name: "node image", look: needing(engine, "Docker engine", lookAtImage) },
    { name: "Temporal program", look: async () => lookAtTemporalBinary(installation) },
    { name: "Temporal server", look: async () => judgeServer(await client) },
    { name: "search attributes", look: needing(client, "Temporal server", lookAtSearchAttributes) },
    { name: "worker", look: needing(client, "Temporal server", (found) => lookAtWorker(installation, found)) },
    { name: "workflows", look: needing(client, "Temporal server", lookAtWorkflows) },
    { name: "services", look: async () => lookAtServices(installation) },
    { name: "hosts.yaml", look: async () => lookAtHostsFile(installation) },
    { name: "leftovers", look: () => lookAtLeftovers(installation) },
  ];
  return { checks, close: async () => client.then(({ connection }) => connection.close()).catch(() => {}) };
}

/** A check on something that may be missing itself, which has a line of its own. */
function needing<T>(wanted: Promise<T>, name: string, look: (found: T) => Promise<Finding>): Check["look"] {
  return () => wanted.then(look, () => missing(`unknown without the ${name}`, UP));
}

type Client = Awaited<ReturnType<typeof connectClient>>;

export function judgeEngine(engine: FoundEngine): Finding {
  if (engine.state !== "answers") return missing(engine.problem.message, engine.problem.hint);
  const { version, apiVersion, endpoint, isRootless, cgroupVersion, storageDriver } = engine.facts;
  const found = `${version} at ${endpoint.url}, API ${apiVersion}, cgroup v${cgroupVersion}, ${storageDriver}`;
  if (isOlder(apiVersion, OLDEST_API)) return missing(`${found}; API ${OLDEST_API} is needed`, "update the engine");
  return isRootless
    ? missing(`${found}; it is rootless, its nodes cannot be reached`, "unset DOCKER_HOST, then: npx meshbench up")
    : ok(found);
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, "en", { numeric: true }) < 0;
}

export function lookAtOtherEngine(installation: Installation, env: NodeJS.ProcessEnv = process.env): Finding {
  const issue = findOtherEngine(installation, env);
  return issue ? missing(issue.rule, issue.hint ?? UP) : ok("the one that hosts.yaml names, or none is named");
}

async function lookAtImage(engine: FoundEngine): Promise<Finding> {
  const tag = await nodeImageTag();
  const build = "npx meshbench image build";
  if (engine.state !== "answers") return missing(`${tag}, which needs the engine`, UP);
  return (await engineHasImage(engine.facts.endpoint, tag)) ? ok(tag) : missing(`${tag} is not built`, build);
}

function lookAtTemporalBinary(installation: Installation): Finding {
  const configured = configuredTemporalAddress();
  if (configured !== undefined) return ok(`not needed, the server is at ${configured}`);
  const path = temporalBinary(installation);
  return existsSync(path) ? ok(path) : missing(`not at ${path}`, `${UP} --only temporal`);
}

function judgeServer({ options: { namespace } }: Client): Finding {
  return ok(`${readTemporalSettings().address}, namespace ${namespace}`);
}

async function lookAtSearchAttributes(client: Client): Promise<Finding> {
  const { namespace } = client.options;
  const present = await listSearchAttributes(client);
  const lacking = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !present.has(name));
  if (lacking.length === 0) return ok(Object.keys(SEARCH_ATTRIBUTES).join(", "));
  const flags = lacking.flatMap(([name, type]) => ["--name", name, "--type", type]);
  const create = ["operator", "search-attribute", "create", "--namespace", namespace, ...flags];
  return missing(`${lacking.map(([name]) => name).join(", ")} missing`, showCommand("temporal", create));
}

async function lookAtWorker(installation: Installation, client: Client): Promise<Finding> {
  const hosts = readHostIds(installation);
  const unserved = await queuesWithoutPoller(client, { hosts });
  return unserved.length === 0
    ? ok(`serves host ${hosts.join(", ")}`)
    : missing(`nobody serves ${unserved.join(", ")}`, UP);
}

/** Nothing that such a run holds is given back before a worker with mended code serves. */
async function lookAtWorkflows(client: Client): Promise<Finding> {
  const failing = await findFailingWorkflows(client);
  if (failing.length === 0) return ok("none fails");
  const text = failing.map(({ workflowId, why }) => `workflow task of ${workflowId} fails: ${why}`).join("; ");
  return missing(text, "start a worker of a version that has this mended; the workflows go on where they are");
}

/** A service that keeps dying is alive each time one looks. */
function lookAtServices(installation: Installation): Finding {
  const services = readLocalServices(installation)?.services ?? [];
  const troubled = services.filter(({ state }) => state !== "running");
  if (troubled.length > 0) {
    const [{ name, state, restarts, logFile }] = troubled as [(typeof services)[number]];
    return missing(`${name} is ${state}, started again ${restarts} times`, `its log says why: tail ${logFile}`);
  }
  const text = services
    .map(({ name, restarts }) => (restarts > 0 ? `${name} (${restarts} restarts)` : name))
    .join(", ");
  return ok(text === "" ? "none started by meshbench up" : text);
}

async function lookAtLeftovers(installation: Installation): Promise<Finding> {
  if (readHostsFile(installation.hostsFile) === undefined) return ok("no host is set up");
  const { hosts } = await reapHere({ isDryRun: true }, installation);
  const [failure] = hosts.flatMap(({ failures }) => failures);
  if (failure !== undefined) return missing(failure, UP);
  const removed = hosts.flatMap((host) => host.removed);
  return judgeLeftovers({ removed, kept: hosts.flatMap((host) => host.kept) });
}

/** Of ended runs: the schedule removes them, unless no worker is here. What is labelled by somebody else nobody removes. */
export function judgeLeftovers({ removed, kept }: Pick<HostReaping, "removed" | "kept">): Finding {
  // Evidence has no label: it waits for its run, which is under way.
  const labelled = kept.filter(({ kind }) => kind !== "evidence");
  const illegible = new Set(labelled.filter((one) => !isLegible(one)).map(describeLeftover));
  if (illegible.size > 0) {
    const found = `labelled as Meshbench's, though no run of it made them: ${[...illegible].join("; ")}`;
    return warning(found, "see whose they are, and remove them yourself");
  }
  const runCount = new Set(removed.map(({ runId }) => runId)).size;
  if (removed.length === 0) return ok("none");
  return warning(`${removed.length} of ${runCount} ended runs`, "npx meshbench reap");
}

function lookAtHostsFile({ hostsFile, secretsDir }: Installation): Finding {
  if (readHostsFile(hostsFile) === undefined) return missing(`${hostsFile} is not there`, UP);
  const secrets = existsSync(secretsDir) ? readdirSync(secretsDir).map((name) => join(secretsDir, name)) : [];
  const open = [hostsFile, ...secrets].filter((path) => (statSync(path).mode & 0o077) !== 0);
  return open.length === 0
    ? ok(hostsFile)
    : missing(`others may read ${open.join(", ")}`, showCommand("chmod", ["600", ...open]));
}
