/** `meshbench image build` and `prune`: the root filesystems that nodes run, made by infra/node-image/. */

import { Command, Option } from "commander";
import { runInfraScript, toFlags } from "#cli/infra-script";

export function imageCommand(): Command {
  const image = new Command("image").description("what nodes run");
  image
    .command("build")
    .description("build this version's node image or VM disk, unless it is there")
    .addOption(
      new Option("--for <provider>", "where nodes will run")
        .choices(["docker", "process", "qemu", "esxi"])
        .default("docker"),
    )
    .option("--yes", "install packages that are missing without asking")
    .option(
      "--json",
      "print {tag, digest, built}; for process {path, digest, built}, of a VM disk {path, digest, kernel, built}",
    )
    .action(async (options: { for: string; yes?: boolean; json?: boolean }) =>
      runInfraScript("node-image/build", toFlags({ ...options, for: [options.for] })),
    );
  image
    .command("prune")
    .description("remove node images that neither this version nor an unfinished sweep needs")
    .option("--dry-run", "only say what would be removed")
    .option("--json", "print {dry_run, removed}")
    .action(async ({ dryRun, json }: { dryRun?: boolean; json?: boolean }) =>
      runInfraScript("node-image/prune", toFlags({ "dry-run": dryRun, json })),
    );
  return image;
}
