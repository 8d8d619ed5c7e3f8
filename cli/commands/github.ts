/** `meshbench github …`: the steps of GitHub jobs. A job may die at any moment, and may be run again. */

import { Command } from "commander";

export function githubCommand(): Command {
  const github = new Command("github")
    .description("what the workflows in .github/ call")
    .hook("preAction", async () => {
      const { requireReleaseOfJob } = await import("#cli/github/required-release");
      await requireReleaseOfJob();
    });
  github
    .command("gate")
    .description("decide about a comment: who may, for which commit; GITHUB_EVENT_PATH, GITHUB_TOKEN, GITHUB_OUTPUT")
    .action(async () => {
      const { gateComment } = await import("#cli/github/gate");
      await gateComment();
    });
  github
    .command("submit")
    .description("carry out what the gate let through: MESHBENCH_ORDER")
    .option("--json", "print JSON")
    .action(async ({ json = false }: { json?: boolean }) => {
      const { submitOrder } = await import("#cli/github/submit");
      await submitOrder(process.env["MESHBENCH_ORDER"] ?? "", json);
    });
  github
    .command("sweep")
    .description("queue this job's sweep or attach to it, follow it, write its report: MESHBENCH_SPEC, _SET, _REF")
    .action(async () => {
      const { runJobSweep } = await import("#cli/github/job-sweep");
      process.exitCode = await runJobSweep();
    });
  github
    .command("cancel")
    .description("cancel this job's sweep, where it is under way")
    .action(async () => {
      const { cancelJobSweep } = await import("#cli/github/job-sweep");
      await cancelJobSweep();
    });
  github
    .command("resume")
    .description("take up a sweep, or all that were interrupted: MESHBENCH_SWEEP")
    .action(async () => {
      const { resumeInterrupted } = await import("#cli/github/resume-interrupted");
      process.exitCode = await resumeInterrupted(process.env["MESHBENCH_SWEEP"] ?? "");
    });
  return github;
}
