/** `meshbench image build`: the root filesystem that nodes run, made by infra/node-image/. */

import { Command, Option } from "commander";
import { runInfraScript, toFlags } from "#cli/infra-script";

export function imageCommand(): Command {
  const image = new Command("image").description("what nodes run");
  image
    .command("build")
    .description("build this version's node image, unless the engine has it")
    .addOption(
      new Option("--for <provider>", "where nodes will run").choices(["docker", "qemu", "esxi"]).default("docker"),
    )
    .option("--json", "print {tag, digest, built}")
    .action(async (options: { for: string; json?: boolean }) =>
      runInfraScript("node-image/build", toFlags({ ...options, for: [options.for] })),
    );
  return image;
}
