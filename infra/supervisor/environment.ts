/**
 * Who gets which of `up`'s variables. Whoever may read a process's environment has the secrets in it, so that they go to the
 * worker alone, which needs them; on the way they are in the plan, a file 0600.
 */

import { isSecretKey } from "#model/inert-input";

type Variables = Readonly<Record<string, string>>;

/** Beside those whose names say it as a spec's keys do. */
const SECRET_VARIABLE = /authorization|_auth$|key_data$/i;
/** What the worker is configured by. */
const OF_WORKER = /^(?:TEMPORAL|DOCKER|MESHBENCH)_/;

const isSecret = (name: string): boolean => isSecretKey(name) || SECRET_VARIABLE.test(name);

/** For everything that runs here and is not the worker. */
export const withoutSecrets = (env: NodeJS.ProcessEnv = process.env): Variables => pick(env, (name) => !isSecret(name));

/** What the worker needs beside that. */
export const secretsOfWorker = (env: NodeJS.ProcessEnv = process.env): Variables =>
  pick(env, (name) => OF_WORKER.test(name) && isSecret(name));

function pick(env: NodeJS.ProcessEnv, isWanted: (name: string) => boolean): Variables {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries.filter(([name]) => isWanted(name)));
}
