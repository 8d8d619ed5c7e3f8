#!/usr/bin/env node
/** `meshbench runner serve | install | remove`: this host serves its bench at any time, and does a repository's jobs. */

import { existsSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { EXIT, InputError, UnavailableError } from "#model/errors";
import { openAppOf } from "#worker/github";
import { type Installation, locateInstallation } from "#worker/installation";
import { runCommand } from "#infra/console/commands";
import { isRoot } from "#infra/console/root";
import { runScript } from "#infra/console/script";
import { installUnits, removeUnits } from "#infra/runner/install-units";
import { serveJobs } from "#infra/runner/serve-jobs";
import { RUNNER_UNIT, runnerUnit, WORKER_UNIT, workerUnit } from "#infra/runner/unit";
import { stopServices } from "#infra/supervisor/control";

const POLL_EVERY_MS = 15_000;
const IDLE_LIMIT_MS = 120_000;
const USER_NAME = /^[a-z_][a-z0-9_-]*$/;
const PATH_WORD = /^\/[\w./-]+$/;

interface ServeOptions {
  readonly repository: string;
  readonly folder: string;
  readonly label: readonly string[];
}

async function serve(options: ServeOptions): Promise<void> {
  const { repository, folder, labels } = readOptions(options);
  const installation = locateInstallation();
  const app = openAppOf(installation);
  if (app === undefined) {
    const hint = "see docs/github.md";
    throw new InputError([{ field: "github", value: "", rule: "hosts.yaml names no GitHub App", hint }]);
  }
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopping.abort());
  const settings = {
    repository,
    folder,
    labels,
    installation,
    hostId: hostname().toLowerCase(),
    pollEveryMs: POLL_EVERY_MS,
    idleLimitMs: IDLE_LIMIT_MS,
    note: (text: string) => process.stderr.write(`${text}\n`),
  };
  await serveJobs(await app.forRepository(repository), settings, stopping.signal);
}

/** Its worker as a service, and the poller where a repository is named. What `up` runs of it makes room for them. */
async function install({ user, ...polling }: Partial<ServeOptions> & { user: string }): Promise<void> {
  requireWord("--user", user, USER_NAME);
  if (user === "root" && polling.repository !== undefined) {
    throw new InputError([{ field: "--user", value: user, rule: "GitHub's runner refuses to be root" }]);
  }
  if (!isRoot()) throw new UnavailableError("only root installs services", "the same by sudo");
  const { uid, installation } = await findInstallationOf(user);
  requireOwner(installation, user, uid);
  const home = requireWord("MESHBENCH_HOME", installation.home, PATH_WORD);
  const cache = requireWord("MESHBENCH_CACHE", installation.cache, PATH_WORD);
  const service = { user, home, cache };
  const command = [process.execPath, join(import.meta.dirname, "supervisor", "serve.ts")];
  const units: Record<string, string> = { [WORKER_UNIT]: workerUnit({ ...service, command }) };
  if (polling.repository !== undefined) units[RUNNER_UNIT] = runnerUnit({ ...service, ...pollerOf(polling) });
  await installUnits(units, () => stopServices(installation));
}

function pollerOf({ repository = "", folder = "", label = [] }: Partial<ServeOptions>) {
  const { folder: path, labels } = readOptions({ repository, folder, label });
  const flags = ["--repository", repository, "--folder", path, ...labels.flatMap((one) => ["--label", one])];
  return { folder: path, command: [process.execPath, join(import.meta.dirname, "runner.ts"), "serve", ...flags] };
}

/** The user's own unless told otherwise: the variables here are root's. */
async function findInstallationOf(user: string) {
  const entry = await runCommand("getent", ["passwd", user]).catch(() => {
    throw new InputError([{ field: "--user", value: user, rule: "no such user" }]);
  });
  const [, , uid, , , directory = ""] = entry.split(":");
  const { MESHBENCH_HOME, MESHBENCH_CACHE } = process.env;
  const [state, caches] = [join(directory, ".local", "state"), join(directory, ".cache")];
  const env = { MESHBENCH_HOME, MESHBENCH_CACHE, XDG_STATE_HOME: state, XDG_CACHE_HOME: caches };
  return { uid: Number(uid), installation: locateInstallation(env) };
}

function requireOwner({ home }: Installation, user: string, uid: number): void {
  if (existsSync(home) && statSync(home).uid === uid) return;
  const rule = `has no installation at ${home}`;
  throw new InputError([{ field: "--user", value: user, rule, hint: `as ${user}: npx meshbench up` }]);
}

/** Words that systemd, too, takes as they are. */
function readOptions({ repository, folder, label }: ServeOptions) {
  const [owner = "", name = ""] = requireWord("--repository", repository, /^[\w.-]+\/[\w.-]+$/).split("/");
  const path = requireWord("--folder", resolve(folder), PATH_WORD);
  const runScriptFile = join(path, "run.sh");
  if (!existsSync(runScriptFile)) {
    const hint = "unpack https://github.com/actions/runner/releases there";
    throw new InputError([{ field: "--folder", value: folder, rule: "has no run.sh of GitHub's runner", hint }]);
  }
  return {
    repository: { owner, name },
    folder: path,
    labels: label.map((one) => requireWord("--label", one, /^[\w.-]+$/)),
  };
}

function requireWord(field: string, value: string, pattern: RegExp): string {
  if (pattern.test(value)) return value;
  throw new InputError([{ field, value, rule: `must match ${pattern.source}` }]);
}

await runScript(async () => {
  const program = new Command("runner").exitOverride();
  program
    .command("serve")
    .requiredOption("--repository <owner/name>")
    .requiredOption("--folder <dir>")
    .option("--label <name...>", "", ["meshbench"])
    .action(serve);
  program
    .command("install")
    .requiredOption("--user <name>")
    .option("--repository <owner/name>")
    .option("--folder <dir>")
    .option("--label <name...>", "", ["meshbench"])
    .action(install);
  // Nothing at GitHub is left either: its runners last as long as their jobs.
  program.command("remove").action(() => removeUnits([RUNNER_UNIT, WORKER_UNIT]));
  await program.parseAsync();
  return EXIT.ok;
});
