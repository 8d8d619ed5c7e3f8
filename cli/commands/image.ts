/** `meshbench image build`: the root filesystem that nodes run, made by infra/node-image/. */

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
  return image;
}
