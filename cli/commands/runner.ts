/** `meshbench runner …`: a bench host's services, and jobs of GitHub's workflows, each in a runner of its own. */

import { Command, Option } from "commander";
import { runInfraScript } from "#cli/infra-script";

interface RunnerOptions {
  user?: string;
  repository?: string;
  folder?: string;
  label: string[];
}

export function runnerCommand(): Command {
  const runner = new Command("runner").description("make this machine a bench host, and do GitHub's jobs on it");
  runner
    .command("serve")
    .description("do the jobs that wait for this host, in the foreground, until Ctrl-C")
    .requiredOption("--repository <owner/name>", "whose jobs; the App of hosts.yaml is installed there")
    .requiredOption("--folder <dir>", "where GitHub's runner is unpacked")
    .addOption(labelOption())
    .action(async (options: RunnerOptions) => runInfraScript("runner", ["serve", ...flagsOf(options)]));
  runner
    .command("install")
    .description("worker, and poller for jobs, as hardened services of systemd, also after a reboot; as root")
    .requiredOption("--user <name>", "who owns the installation, runs its worker and the jobs")
    .option("--repository <owner/name>", "whose jobs; without it, the worker alone")
    .option("--folder <dir>", "where GitHub's runner is unpacked")
    .addOption(labelOption())
    .action(async (options: RunnerOptions) => runInfraScript("runner", ["install", ...flagsOf(options)]));
  runner
    .command("remove")
    .description("stop both services and remove them; as root")
    .action(async () => runInfraScript("runner", ["remove"]));
  return runner;
}

const labelOption = () => new Option("--label <name...>", "of this host, beside self-hosted").default(["meshbench"]);

const flagsOf = ({ label, ...named }: RunnerOptions): string[] => [
  ...Object.entries(named).flatMap(([name, value]) => [`--${name}`, value]),
  "--label",
  ...label,
];
