/**
 * Who gets which of `up`'s variables. Whoever may read a process's environment has the secrets in it, so that they go to the
 * worker alone, which needs them; on the way they are in the plan, a file 0600.
 */

import { isSecretVariable } from "#model/inert-input";

type Variables = Readonly<Record<string, string>>;

/** What the worker is configured by. */
const OF_WORKER = /^(?:TEMPORAL|DOCKER|MESHBENCH)_/;

/** For everything that runs here and is not the worker. */
export const withoutSecrets = (env: NodeJS.ProcessEnv = process.env): Variables =>
  pick(env, (name) => !isSecretVariable(name));

/** What the worker needs beside that. */
export const secretsOfWorker = (env: NodeJS.ProcessEnv = process.env): Variables =>
  pick(env, (name) => OF_WORKER.test(name) && isSecretVariable(name));

function pick(env: NodeJS.ProcessEnv, isWanted: (name: string) => boolean): Variables {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries.filter(([name]) => isWanted(name)));
}
