/** The way to Temporal: settings from configuration, a client with time limits, and errors that say what is wrong in a line. */

import { connect as connectTcp } from "node:net";
import {
  Client,
  Connection,
  defaultGrpcRetryOptions,
  isGrpcServiceError,
  makeGrpcRetryInterceptor,
} from "@temporalio/client";
import type { ConnectionOptions } from "@temporalio/client";
import { loadClientConnectConfig } from "@temporalio/envconfig";
import { UnavailableError } from "#model/errors";
import { SEARCH_ATTRIBUTES } from "#model/search-attributes";
import { locateInstallation } from "#worker/installation";
import { localTemporalAddress } from "#worker/local-services";

const DEFAULT_ADDRESS = "localhost:7233";
const DEFAULT_PORT = 7233;
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/;
/** Summaries and details of workflows and activities are there since. */
const OLDEST_SERVER = "1.25.0";

const CONNECT_TIMEOUT_MS = 5_000;
const PROBE_TIMEOUT_MS = 1_500;
const CALL_TIMEOUT_MS = 8_000;
/** The server answers these after 20 s at the latest, also where there is nothing to say. */
const LONG_POLL_TIMEOUT_MS = 40_000;
const LONG_POLLS = /\/(?:GetWorkflowExecutionHistory|PollWorkflowExecutionUpdate)$/;
/** Who asks these can ask again, and would rather know at once that nobody answers. */
const LOOKS = /\/(?:DescribeWorkflowExecution|QueryWorkflow)$/;
const LOOK_ATTEMPTS = 10;
const LOOK_AGAIN_MS = 250;

export interface TemporalSettings {
  /** `host:port`. */
  readonly address: string;
  readonly namespace: string;
  /** TLS, API key and headers included, for a worker's connection as well as for a client's. */
  readonly connectionOptions: ReturnType<typeof loadClientConnectConfig>["connectionOptions"] & {
    readonly address: string;
  };
}

/**
 * Temporal's own configuration: `TEMPORAL_*` variables over the profile in `temporal.toml`. What they leave open is the
 * server that `meshbench up` started here, else localhost:7233.
 * @throws {UnavailableError} If a configuration file cannot be read.
 */
export function readTemporalSettings(): TemporalSettings {
  const { connectionOptions, namespace } = loadTemporalConfiguration();
  const address = connectionOptions.address ?? localTemporalAddress(locateInstallation()) ?? DEFAULT_ADDRESS;
  return { address, namespace: namespace ?? "default", connectionOptions: { ...connectionOptions, address } };
}

/**
 * What `TEMPORAL_*` variables and `temporal.toml` say, be it nothing.
 * @throws {UnavailableError} If a configuration file cannot be read, or there is a password in the address.
 */
export function loadTemporalConfiguration(): ReturnType<typeof loadClientConnectConfig> {
  const configuration = parseConfiguration();
  // Addresses are shown.
  if (!configuration.connectionOptions.address?.includes("@")) return configuration;
  throw new UnavailableError(
    "Temporal's address: no user or password belongs in it; value not echoed",
    "set TEMPORAL_ADDRESS to host:port, and TEMPORAL_API_KEY where the server wants one",
  );
}

/** Whether somebody said where the server is; what cannot be read may have said so. */
export function isTemporalConfigured(): boolean {
  try {
    return loadTemporalConfiguration().connectionOptions.address !== undefined;
  } catch (error) {
    if (error instanceof UnavailableError) return true;
    throw error;
  }
}

function parseConfiguration(): ReturnType<typeof loadClientConnectConfig> {
  try {
    return loadClientConnectConfig();
  } catch (error) {
    throw new UnavailableError(
      `Temporal's configuration cannot be read: ${firstLine(error)}`,
      "mend the TEMPORAL_* variables or temporal.toml: temporal config get",
      { cause: error },
    );
  }
}

/**
 * A client whose calls end after 8 s at the latest.
 * @throws {UnavailableError} Within 10 s, where no Temporal server of use answers, or it lacks the namespace.
 */
export async function connectClient(settings: TemporalSettings = readTemporalSettings()): Promise<Client> {
  const connection = await openConnection(settings);
  try {
    await requireSupportedServer(connection, settings);
    await requireNamespace(connection, settings);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return new Client({ connection, namespace: settings.namespace });
}

/** Whether a call failed for want of an answer; the same call may work later. */
export function isServerUnreachable(error: unknown): boolean {
  return isOneOf(error, [GRPC.unavailable, GRPC.deadlineExceeded, GRPC.cancelled]);
}

/** Whether a query found no worker that answers it, on a server that answered other calls. */
export function isQueryUnanswered(error: unknown): boolean {
  return isOneOf(error, [GRPC.failedPrecondition, GRPC.deadlineExceeded, GRPC.cancelled]);
}

function isOneOf(error: unknown, statuses: readonly number[]): boolean {
  const status = grpcStatusOf(error);
  return status !== undefined && statuses.includes(status);
}

/** @returns `undefined` where the error is none of a call to Temporal. */
export function explainCallFailure(error: unknown): UnavailableError | undefined {
  if (grpcStatusOf(error) === undefined) return undefined;
  const message = isServerUnreachable(error)
    ? "the Temporal server stopped answering"
    : `Temporal: ${firstLine(error)}`;
  return new UnavailableError(message, "meshbench doctor says what runs", { cause: error });
}

/**
 * Adds what is missing of Meshbench's search attributes. The server takes up to 10 s until it knows a new one.
 * @throws {UnavailableError} Where this account may not: says what to run instead.
 */
export async function ensureSearchAttributes(client: Client): Promise<void> {
  const connection = client.connection as Connection;
  const { namespace } = client.options;
  const present = await listSearchAttributes(client);
  const missing = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !present.has(name));
  if (missing.length === 0) return;
  try {
    const searchAttributes = Object.fromEntries(missing.map(([name, type]) => [name, INDEXED_VALUE_TYPE[type]]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    if (grpcStatusOf(error) === GRPC.alreadyExists) return;
    if (!isRefusal(error)) throw error;
    const flags = missing.map(([name, type]) => `--name ${name} --type ${type}`).join(" ");
    throw new UnavailableError(
      `Temporal's namespace ${namespace} lacks the search attributes ${missing.map(([name]) => name).join(", ")}`,
      `add them with an account that may: temporal operator search-attribute create --namespace ${namespace} ${flags}`,
      { cause: error },
    );
  }
}

/** Temporal Cloud answers no operator calls; there the namespace itself says which names it has. */
export async function listSearchAttributes(client: Client): Promise<ReadonlySet<string>> {
  const connection = client.connection as Connection;
  const { namespace } = client.options;
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
    return new Set(Object.keys(customAttributes));
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const { config } = await connection.workflowService.describeNamespace({ namespace });
    return new Set(Object.values(config?.customSearchAttributeAliases ?? {}));
  }
}

async function openConnection(settings: TemporalSettings): Promise<Connection> {
  const startedMs = performance.now();
  // Locally no proxy stands between, so what a probe sees is so: nobody has to wait for gRPC to give up.
  const isLocal = LOOPBACK.test(settings.address);
  const mistake = isLocal ? await findMistake(settings) : undefined;
  if (mistake !== undefined) throw unavailable(settings, mistake);
  try {
    return await Connection.connect({
      ...(settings.connectionOptions as ConnectionOptions),
      // A server that hangs was silent for a part of it.
      connectTimeout: CONNECT_TIMEOUT_MS - (performance.now() - startedMs),
      interceptors: [limitCalls, repeatCalls],
    });
  } catch (error) {
    const silence = `no Temporal server answers there within ${CONNECT_TIMEOUT_MS / 1000} s (${firstLine(error)})`;
    throw unavailable(settings, (isLocal ? undefined : await findMistake(settings)) ?? silence, error);
  }
}

type Interceptor = NonNullable<ConnectionOptions["interceptors"]>[number];

/** A server that hangs holds its connections open: without a deadline a call to it would never end. */
const limitCalls: Interceptor = (options, nextCall) => {
  const timeoutMs = LONG_POLLS.test(options.method_definition.path) ? LONG_POLL_TIMEOUT_MS : CALL_TIMEOUT_MS;
  return nextCall({ ...options, deadline: options.deadline ?? Date.now() + timeoutMs }) as ReturnType<Interceptor>;
};

const repeatAnyCall = makeGrpcRetryInterceptor(defaultGrpcRetryOptions());

/** A workflow takes one query at a time, whoever asks. */
const repeatWhereBusy = makeGrpcRetryInterceptor({
  delayFunction: () => LOOK_AGAIN_MS,
  retryableDecider: (attempt, { code }: { readonly code: number }) =>
    code === GRPC.resourceExhausted && attempt <= LOOK_ATTEMPTS,
});

const repeatCalls: Interceptor = (options, nextCall) =>
  LOOKS.test(options.method_definition.path) ? repeatWhereBusy(options, nextCall) : repeatAnyCall(options, nextCall);

async function requireSupportedServer(connection: Connection, settings: TemporalSettings): Promise<void> {
  const { serverVersion } = await connection.workflowService.getSystemInfo({}).catch((error: unknown) => {
    if (grpcStatusOf(error) === GRPC.unimplemented) return { serverVersion: "before 1.14" };
    throw unavailable(settings, firstLine(error), error);
  });
  if (isTooOld(serverVersion)) {
    throw unavailable(settings, `the server is too old: it is ${serverVersion}, Meshbench needs ${OLDEST_SERVER}`);
  }
}

/** A version that is no version, as a proxy may give, is taken for new enough. */
export function isTooOld(serverVersion: string): boolean {
  if (serverVersion.startsWith("before")) return true;
  const [major, minor] = serverVersion.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_SERVER.split(".").map(Number) as [number, number];
  if (major === undefined || minor === undefined || Number.isNaN(major + minor)) return false;
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
}

async function requireNamespace(connection: Connection, settings: TemporalSettings): Promise<void> {
  const { namespace } = settings;
  await connection.workflowService.describeNamespace({ namespace }).catch((error: unknown) => {
    const isMissing = grpcStatusOf(error) === GRPC.notFound;
    throw unavailable(settings, isMissing ? `it has no namespace ${namespace}` : firstLine(error), error);
  });
}

const unavailable = ({ address }: TemporalSettings, why: string, cause?: unknown) =>
  new UnavailableError(
    `Temporal at ${address}: ${why}`,
    "start the local one: meshbench up; or set TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE",
    { cause },
  );

/** What a port said to a line of HTTP, or why it could not be reached. */
type ProbeAnswer = { readonly text: string } | { readonly failed: string };

/** @returns `undefined` where it may be a Temporal server. */
async function findMistake({ address, connectionOptions }: TemporalSettings): Promise<string | undefined> {
  const answer = await probe(address);
  if ("failed" in answer) return answer.failed;
  // A server that speaks TLS says something of its own to plain text.
  if (connectionOptions.tls) return undefined;
  if (answer.text.startsWith("HTTP/1.")) return "an HTTP server answers there, not Temporal";
  if (answer.text.startsWith("\x15\x03")) return "the server there wants TLS: set TEMPORAL_TLS=true";
  return undefined;
}

/**
 * gRPC's own errors do not tell a wrong port, an HTTP server and a TLS one apart, so the port is asked what it is.
 * @param address - `host`, `host:port` or `[v6]:port`.
 */
function probe(address: string): Promise<ProbeAnswer> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const host = hostname.replaceAll(/^\[|\]$/g, "");
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port: port === "" ? DEFAULT_PORT : Number(port), timeout: PROBE_TIMEOUT_MS });
    const answer = (result: ProbeAnswer) => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => socket.write("GET / HTTP/1.0\r\n\r\n"));
    socket.once("data", (data) => answer({ text: data.toString("latin1") }));
    socket.once("timeout", () => answer(socket.connecting ? { failed: "the address does not answer" } : { text: "" }));
    socket.once("end", () => answer({ text: "" }));
    socket.once("error", (error: NodeJS.ErrnoException) => answer({ failed: describeSocketError(error) }));
  });
}

function describeSocketError({ code, message }: NodeJS.ErrnoException): string {
  if (code === "ECONNREFUSED") return "nothing listens there";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "no such host name";
  return code ?? message;
}

/** The gRPC status codes that make a difference here. */
const GRPC = {
  /** By the server, of a query whose worker died with it in hand. */
  cancelled: 1,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** `temporal.api.enums.v1.IndexedValueType`. */
const INDEXED_VALUE_TYPE = { Keyword: 2, Int: 3 } as const;

/** The SDK wraps the call's own error in one or two others. */
function grpcStatusOf(error: unknown): number | undefined {
  if (isGrpcServiceError(error)) return error.code;
  return error instanceof Error && error.cause !== undefined ? grpcStatusOf(error.cause) : undefined;
}

export function isRefusal(error: unknown): boolean {
  const status = grpcStatusOf(error);
  return status === GRPC.permissionDenied || status === GRPC.unimplemented || status === GRPC.unauthenticated;
}

function firstLine(error: unknown): string {
  const innermost = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return (innermost instanceof Error ? innermost.message : String(innermost)).split("\n", 1)[0] ?? "";
}
