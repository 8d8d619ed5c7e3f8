/** The Docker engine as it is found: does it answer, and to whom. */

import Docker from "dockerode";
import { type DockerEndpoint, explainDockerError, resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { UnavailableError } from "#model/errors";

export interface EngineFacts {
  readonly endpoint: DockerEndpoint;
  readonly version: string;
  readonly apiVersion: string;
  /** A rootless engine's containers have addresses that nobody outside it reaches. */
  readonly isRootless: boolean;
  readonly cgroupVersion: string;
  readonly storageDriver: string;
}

/** What is read of `docker info`. */
interface EngineInfo {
  readonly SecurityOptions?: readonly string[];
  readonly CgroupVersion?: string;
  readonly Driver: string;
}

export type FoundEngine =
  | { readonly state: "answers"; readonly facts: EngineFacts }
  /** It may well run, but not for this user. */
  | { readonly state: "forbidden"; readonly problem: UnavailableError }
  | { readonly state: "silent"; readonly problem: UnavailableError };

const ANSWER_LIMIT_MS = 5000;

/** @throws {InputError} `DOCKER_HOST` is nothing we connect to. */
export async function findEngine(env: NodeJS.ProcessEnv = process.env): Promise<FoundEngine> {
  try {
    return { state: "answers", facts: await askEngine(resolveDockerEndpoint(env)) };
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    return { state: isForbidden(error) ? "forbidden" : "silent", problem: error };
  }
}

/** @throws {UnavailableError} It does not answer within five seconds, or not as an engine does. */
export async function askEngine(endpoint: DockerEndpoint): Promise<EngineFacts> {
  const docker = new Docker({ ...endpoint.options, timeout: ANSWER_LIMIT_MS });
  try {
    const version = await docker.version();
    const info = (await docker.info()) as EngineInfo;
    return {
      endpoint,
      version: version.Version,
      apiVersion: version.ApiVersion,
      isRootless: (info.SecurityOptions ?? []).some((option) => option.includes("rootless")),
      cgroupVersion: info.CgroupVersion ?? "1",
      storageDriver: info.Driver,
    };
  } catch (error) {
    throw explainDockerError(error, endpoint.url);
  }
}

export async function engineHasImage({ options }: DockerEndpoint, tag: string): Promise<boolean> {
  try {
    await new Docker(options).getImage(tag).inspect();
    return true;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return false;
    throw error;
  }
}

function isForbidden({ cause }: UnavailableError): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "EACCES";
}
