/** What the activities of a host are given once, by the worker. */

import type { OpenNodeDatabase } from "#activities/database/node-database";
import type { HostGuards } from "#activities/guards/host-guards";
import type { ImageBuilds } from "#activities/image/image-builds";
import { providerKeyOf } from "#activities/providers/provider";
import type { NodeProvider, ProviderKey } from "#activities/providers/provider";
import type { ReapedHost } from "#activities/reap-host";
import type { StepContext } from "#activities/step";
import { BenchError } from "#model/errors";
import type { Environment } from "#model/spec";

/** What a run's passwords are derived from stays inside: any worker of the host can attach, nothing is written down. */
export interface RunCredentials {
  /** SHA1(SHA1(password)) of the worker's account, in mysql_native_password's notation. */
  workerVerifier(runId: string): string;
  peerPassword(runId: string): string;
}

/** How often steps look, and how long they wait before they give a node up. All in milliseconds. */
export interface StepTiming {
  /** Progress is polled this often: at most once a second, since looking costs the nodes something. */
  readonly pollMs: number;
  /** Whether a new database answers. */
  readonly readinessPollMs: number;
  /** One question to one node. */
  readonly answerLimitMs: number;
  /** A node that was silent for so long is given up. */
  readonly unresponsiveMs: number;
  /** The same in the main loop, where its provider says that it runs: overload is a finding, no fault. */
  readonly overloadedMs: number;
  /** Without any answer from any node for so long, the route to them is looked at. */
  readonly routeCheckMs: number;
  /** Whoever else has the machine is asked for this often, and waited for this long. */
  readonly fencePollMs: number;
  readonly fenceWaitMs: number;
  /** An image is built between two runs, or not at all after so long. */
  readonly buildWaitMs: number;
}

export const DEFAULT_TIMING: StepTiming = {
  pollMs: 1000,
  readinessPollMs: 100,
  answerLimitMs: 2000,
  unresponsiveMs: 10_000,
  overloadedMs: 60_000,
  routeCheckMs: 15_000,
  fencePollMs: 200,
  fenceWaitMs: 120_000,
  buildWaitMs: 60 * 60_000,
};

export interface HostDependencies extends ReapedHost {
  readonly providers: ReadonlyMap<ProviderKey, NodeProvider>;
  readonly openDatabase: OpenNodeDatabase;
  readonly credentials: RunCredentials;
  /** Where evidence waits until it is fetched. */
  readonly spoolDir: string;
  /** Where the logs of disturbed runs are kept. */
  readonly keptLogsDir: string;
  readonly currentContext: () => StepContext;
  readonly timing: StepTiming;
  readonly guards: HostGuards;
  /** Shared by all hosts of a worker. */
  readonly imageBuilds: ImageBuilds;
  /** Absent where no engine could run the image. @throws {BenchError} `image`. */
  readonly buildImage?: ((input: { sha: string; archive: string }) => Promise<{ image: string }>) | undefined;
}

/** @throws {BenchError} `no provider` where this host has none of that name. */
export function providerOf(
  { providers, host }: HostDependencies,
  environment: Pick<Environment, "provider" | "inside">,
): NodeProvider {
  const name = providerKeyOf(environment);
  const provider = providers.get(name);
  if (provider === undefined) throw new BenchError("no provider", `this host has no ${name}`, { host });
  return provider;
}
