/** `meshbench runner …`: this host does jobs of GitHub's workflows, each in a runner that lasts as long as the job. */

import { Command } from "commander";
import { runInfraScript } from "#cli/infra-script";

interface ServeOptions {
  repository: string;
  folder: string;
  label: string[];
  user?: string;
}

export function runnerCommand(): Command {
  const runner = new Command("runner").description("do the jobs of GitHub's workflows that wait for this host");
  serving(runner.command("serve").description("in the foreground, until Ctrl-C")).action(
    async (options: ServeOptions) => runInfraScript("runner", ["serve", ...flagsOf(options)]),
  );
  serving(runner.command("install").description("as a service of systemd, hardened, also after a reboot; as root"))
    .requiredOption("--user <name>", "who runs the jobs, and owns hosts.yaml and the App's key")
    .action(async (options: ServeOptions) => runInfraScript("runner", ["install", ...flagsOf(options)]));
  runner
    .command("remove")
    .description("stop the service and remove it; as root")
    .action(async () => runInfraScript("runner", ["remove"]));
  return runner;
}

const serving = (command: Command): Command =>
  command
    .requiredOption("--repository <owner/name>", "whose jobs; the App of hosts.yaml is installed there")
    .requiredOption("--folder <dir>", "where GitHub's runner is unpacked")
    .option("--label <name...>", "of this host, beside self-hosted", ["meshbench"]);

const flagsOf = ({ repository, folder, label, user }: ServeOptions): string[] => [
  "--repository",
  repository,
  "--folder",
  folder,
  "--label",
  ...label,
  ...(user === undefined ? [] : ["--user", user]),
];
