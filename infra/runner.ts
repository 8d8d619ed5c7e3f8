#!/usr/bin/env node
/** `meshbench runner serve | install | remove`: this host does the jobs of a repository's workflows. */

import { existsSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { EXIT, InputError } from "#model/errors";
import { openAppOf } from "#worker/github";
import { locateInstallation } from "#worker/installation";
import { runCommand } from "#infra/console/commands";
import { runScript } from "#infra/console/script";
import { serveJobs } from "#infra/runner/serve-jobs";
import { RUNNER_UNIT, runnerUnit } from "#infra/runner/unit";

const UNIT_FILE = join("/etc/systemd/system", RUNNER_UNIT);
const POLL_EVERY_MS = 15_000;
const IDLE_LIMIT_MS = 120_000;

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

async function install(options: ServeOptions & { user: string }): Promise<void> {
  const { folder, labels } = readOptions(options);
  requireWord("--user", options.user, options.user === "root" ? /^$/ : /^[a-z_][a-z0-9_-]*$/);
  const installation = locateInstallation();
  const home = requireWord("MESHBENCH_HOME", installation.home, /^\/[\w./-]+$/);
  const cache = requireWord("MESHBENCH_CACHE", installation.cache, /^\/[\w./-]+$/);
  const script = join(import.meta.dirname, "runner.ts");
  const flags = ["--repository", options.repository, "--folder", folder, ...labels.flatMap((one) => ["--label", one])];
  const command = [process.execPath, script, "serve", ...flags];
  writeFileSync(UNIT_FILE, runnerUnit({ user: options.user, home, cache, folder, command }), { mode: 0o644 });
  await runCommand("systemctl", ["daemon-reload"]);
  await runCommand("systemctl", ["enable", "--now", RUNNER_UNIT]);
}

/** Nothing at GitHub is left either: its runners last as long as their jobs. */
async function remove(): Promise<void> {
  if (!existsSync(UNIT_FILE)) return;
  await runCommand("systemctl", ["disable", "--now", RUNNER_UNIT]);
  rmSync(UNIT_FILE);
  await runCommand("systemctl", ["daemon-reload"]);
}

/** Words that systemd, too, takes as they are. */
function readOptions({ repository, folder, label }: ServeOptions) {
  const [owner = "", name = ""] = requireWord("--repository", repository, /^[\w.-]+\/[\w.-]+$/).split("/");
  const path = requireWord("--folder", resolve(folder), /^\/[\w./-]+$/);
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

const withOptions = (command: Command): Command =>
  command
    .requiredOption("--repository <owner/name>")
    .requiredOption("--folder <dir>")
    .option("--label <name...>", "", ["meshbench"]);

await runScript(async () => {
  const program = new Command("runner").exitOverride();
  withOptions(program.command("serve")).action(serve);
  withOptions(program.command("install")).requiredOption("--user <name>").action(install);
  program.command("remove").action(remove);
  await program.parseAsync();
  return EXIT.ok;
});
