/** The secret that a host's run passwords are derived from. */

import { dirname, resolve } from "node:path";
import { derivePassword, derivePeerPassword, verifierOf } from "#activities/database/password";
import type { RunCredentials } from "#activities/host-dependencies";
import { InputError } from "#model/errors";
import { readPrivateFile } from "#worker/private-file";

/** As many bytes of randomness as the passwords have, in hex. */
const LEAST_LENGTH = 32;

/**
 * @param secretFile - As hosts.yaml has it: relative to that file, or absolute.
 * @throws {InputError} Where it is missing, short, or others may read it. The secret is in no message.
 */
export function readHostSecret(secretFile: string, hostsFile: string): string {
  const path = resolve(dirname(hostsFile), secretFile);
  const refuse = (rule: string) =>
    new InputError([{ field: "secret_file", value: path, rule, hint: "meshbench up makes one where it is missing" }]);
  const text = readPrivateFile(path, "secret_file")?.trim();
  if (text === undefined) throw refuse("no such file");
  if (text.length < LEAST_LENGTH) throw refuse(`is shorter than ${LEAST_LENGTH} characters`);
  return text;
}

export const credentialsFrom = (hostSecret: string): RunCredentials => ({
  workerVerifier: (runId) => verifierOf(derivePassword(hostSecret, runId)),
  peerPassword: (runId) => derivePeerPassword(hostSecret, runId),
});
