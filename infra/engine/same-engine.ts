/** Whether set-up and worker mean the same engine: one goes by DOCKER_HOST, the other by hosts.yaml. */

import { realpathSync } from "node:fs";
import { dockerUrl } from "#activities/providers/docker-endpoint";
import { type InputIssue, InputError } from "#model/errors";
import { readHostsFile } from "#worker/hosts-file";
import type { Installation } from "#worker/installation";
import { showCommand } from "#infra/console/commands";

/** @throws {InputError} Images would be built on one engine, and looked for on another. */
export function requireSameEngine(installation: Installation, env: NodeJS.ProcessEnv = process.env): void {
  const issue = findOtherEngine(installation, env);
  if (issue) throw new InputError([issue]);
}

/** @returns `undefined` where a host of this installation is measured on by the engine that set-up uses, or none says which. */
export function findOtherEngine({ hostsFile }: Installation, env: NodeJS.ProcessEnv): InputIssue | undefined {
  const hosts = Object.entries(readHostsFile(hostsFile)?.hosts ?? {});
  const endpoints = hosts.flatMap(([host, { docker }]) => (docker ? [{ host, url: docker.endpoint }] : []));
  const [first] = endpoints;
  const wanted = canonical(dockerUrl(env));
  if (!first || endpoints.some(({ url }) => canonical(url) === wanted)) return undefined;
  return {
    field: "DOCKER_HOST",
    value: env["DOCKER_HOST"],
    rule: `host ${first.host} measures on ${first.url}, set-up would use ${dockerUrl(env)}`,
    hint: `${showCommand("export", [`DOCKER_HOST=${first.url}`])}, or change hosts.${first.host}.docker.endpoint in ${hostsFile}`,
  };
}

/** One engine may be written in two ways: /var/run is a link to /run. */
function canonical(url: string): string {
  const socketPath = /^unix:\/\/(\/.+)$/.exec(url)?.[1];
  if (socketPath === undefined) return url.replace(/\/$/, "");
  try {
    return `unix://${realpathSync(socketPath)}`;
  } catch {
    return url; // a socket that is not there is reported by whoever wants to use it
  }
}
