/** Where the Docker engine of this machine answers, and why it does not. */

import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { DockerOptions } from "dockerode";
import { InputError, UnavailableError } from "#model/errors";

export interface DockerEndpoint {
  /** As a user would write it into `DOCKER_HOST`. */
  readonly url: string;
  /** For `new Docker(options)`. Calls have no time limit of their own yet. */
  readonly options: DockerOptions;
}

const TLS_PORT = 2376;

/** Where engines listen when nobody says otherwise: the system's, then a rootless one. */
function defaultSockets(env: NodeJS.ProcessEnv): string[] {
  const runtimeDir = env["XDG_RUNTIME_DIR"];
  return ["/var/run/docker.sock", ...(runtimeDir ? [join(runtimeDir, "docker.sock")] : [])];
}

/** `DOCKER_HOST` where it is set, else the first socket that exists, else the one that should. */
export function dockerUrl(env: NodeJS.ProcessEnv = process.env): string {
  const sockets = defaultSockets(env);
  return env["DOCKER_HOST"] || `unix://${sockets.find((path) => existsSync(path)) ?? sockets[0]}`;
}

/**
 * The engine at `dockerUrl`.
 * @throws {InputError} `DOCKER_HOST` is nothing we connect to, such as plain TCP.
 * @throws {UnavailableError} No socket, or no permission; names path, errno and what mends it.
 */
export function resolveDockerEndpoint(env: NodeJS.ProcessEnv = process.env): DockerEndpoint {
  return openDockerEndpoint(dockerUrl(env), { env, ...(env["DOCKER_HOST"] && { field: "DOCKER_HOST" }) });
}

/**
 * Parses an endpoint and, for a socket, checks that this user may use it. Nothing is sent yet.
 * @param field - The setting the endpoint came from, for messages.
 * @throws {InputError} @throws {UnavailableError} As `resolveDockerEndpoint`.
 */
export function openDockerEndpoint(
  url: string,
  { env = process.env, field = "docker.endpoint" }: { env?: NodeJS.ProcessEnv; field?: string } = {},
): DockerEndpoint {
  const socketPath = /^unix:\/\/(\/.+)$/.exec(url)?.[1];
  if (socketPath === undefined) return { url, options: parseTlsEndpoint(url, env, field) };
  try {
    accessSync(socketPath, constants.R_OK | constants.W_OK);
  } catch (error) {
    throw explainDockerError(error, url);
  }
  return { url, options: { socketPath } };
}

function parseTlsEndpoint(url: string, env: NodeJS.ProcessEnv, field: string): DockerOptions {
  const match = /^(?:tcp|https):\/\/([^/:@\s]+)(?::(\d{1,5}))?\/?$/.exec(url);
  const verifies = Boolean(env["DOCKER_TLS_VERIFY"]) || url.startsWith("https:");
  if (!match?.[1] || !verifies) {
    throw new InputError([{ field, value: withoutUserInfo(url), ...explainRefusal(url) }]);
  }
  const certificates = env["DOCKER_CERT_PATH"] || join(homedir(), ".docker");
  const [ca, cert, key] = ["ca.pem", "cert.pem", "key.pem"].map((name) => readPem(join(certificates, name)));
  return { protocol: "https", host: match[1], port: Number(match[2] ?? TLS_PORT), ca, cert, key };
}

function explainRefusal(url: string): { rule: string; hint: string } {
  const isPlainTcp = /^(?:tcp|http):\/\//.test(url);
  return {
    rule: isPlainTcp ? "plain TCP gives root to whoever reaches the port" : "must be unix:///path or tcp://host:2376",
    hint: "use unix:///var/run/docker.sock, or tcp://host:2376 with DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH",
  };
}

function withoutUserInfo(url: string): string {
  return url.replace(/\/\/[^/]*@/, "//…@");
}

function readPem(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const hint = "DOCKER_CERT_PATH must name a folder with ca.pem, cert.pem and key.pem";
    throw new UnavailableError(`Docker's TLS file ${path}: ${errnoOf(error)}`, hint, { cause: error });
  }
}

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: "install or start the engine: npx meshbench up",
  ECONNREFUSED: "nothing listens there any more; start the engine: npx meshbench up",
  EACCES: 'join the docker group, then log in again: sudo usermod -aG docker "$USER"',
};

/** A failed call or look at the engine, as what it means: path or address, errno, what to do. */
export function explainDockerError(error: unknown, url: string): UnavailableError {
  const errno = errnoOf(error);
  const where = url.replace(/^unix:\/\//, "");
  const hint = HINTS[errno] ?? "npx meshbench doctor says what is missing";
  return new UnavailableError(`Docker engine at ${where}: ${errno}`, hint, { cause: error });
}

function errnoOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.message : String(error);
}
