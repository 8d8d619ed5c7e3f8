/** A user who has just joined the docker group: sessions that are open already do not have it yet. */

import { spawnSync } from "node:child_process";
import { userInfo } from "node:os";
import { EXIT, UnavailableError } from "#model/errors";
import { findProgram, showCommand } from "#infra/console/commands";

const GROUP = "docker";
/** Set in the second try, so that there is no third. */
const RERUN_MARK = "MESHBENCH_IN_DOCKER_GROUP";

/** Whether the engine refused this process, but would not refuse one with the user's present groups. */
export function needsDockerGroup(error: unknown): boolean {
  const isRefused =
    error instanceof UnavailableError && (error.cause as NodeJS.ErrnoException | undefined)?.code === "EACCES";
  return isRefused && !process.env[RERUN_MARK] && isMember() && findProgram("sg") !== undefined;
}

function isMember(): boolean {
  // With a name, `id` reads the group file instead of the process.
  const { stdout } = spawnSync("id", ["-nG", userInfo().username], { encoding: "utf8" });
  return stdout.split(/\s/).includes(GROUP);
}

/** Runs this very script once more, with the group. @returns Its exit code. */
export function rerunInDockerGroup(): number {
  const command = showCommand(process.execPath, process.argv.slice(1));
  const { status } = spawnSync("sg", [GROUP, "-c", `exec ${command}`], {
    stdio: "inherit",
    env: { ...process.env, [RERUN_MARK]: "1" },
  });
  return status ?? EXIT.error;
}
