/** The supervisor as a transient unit of systemd: it survives the login session, and systemd ends all of it should it be killed. */

import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Installation } from "#worker/installation";
import { withoutSecrets } from "#infra/supervisor/environment";
import { installationId, replaceText } from "#infra/supervisor/plan";

/** What a unit gets of this environment: systemd hands nothing on by itself. */
const HANDED_ON = /^(?:PATH|HOME|USER|LANG|XDG_\w+|TEMPORAL_\w+|DOCKER_\w+|MESHBENCH_\w+)$/;

/** @returns False where systemd is not there, or would not, such as for a user without a session bus. */
export function startAsUnit(installation: Installation, command: readonly string[]): boolean {
  if (!existsSync("/run/systemd/system")) return false;
  writeUnitEnvironment(installation);
  const { status } = spawnSync("systemd-run", unitArguments(installation, command), { stdio: "ignore" });
  if (status !== 0) removeUnitEnvironment(installation);
  return status === 0;
}

export function unitArguments(installation: Installation, command: readonly string[]): string[] {
  const scope = process.getuid?.() === 0 ? [] : ["--user"];
  const properties = {
    KillMode: "mixed",
    Restart: "on-failure",
    TimeoutStopSec: "120",
    // A unit's own variables can be read by everybody: systemctl show.
    EnvironmentFile: environmentFile(installation),
  };
  const unit = [`--unit=meshbench-${installationId(installation)}`, "--collect"];
  const flags = Object.entries(properties).map(([name, value]) => `--property=${name}=${value}`);
  return [...scope, ...unit, ...flags, "--", ...command];
}

/** For systemd alone, which reads it again whenever it starts the supervisor again. */
export function writeUnitEnvironment(installation: Installation, env: NodeJS.ProcessEnv = process.env): void {
  const { home, cache } = installation;
  const handedOn = Object.entries(withoutSecrets(env)).filter(([name]) => HANDED_ON.test(name));
  const variables = { ...Object.fromEntries(handedOn), MESHBENCH_HOME: home, MESHBENCH_CACHE: cache };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${quote(value)}\n`);
  replaceText(environmentFile(installation), lines.join(""));
}

export function removeUnitEnvironment(installation: Installation): void {
  rmSync(environmentFile(installation), { force: true });
}

const environmentFile = ({ runtimeDir }: Installation) => join(runtimeDir, "unit.env");

/** Between double quotes systemd, like a shell, takes these with a backslash, and everything else as it is. */
const quote = (value: string) => `"${value.replaceAll(/["\\$`]/g, "\\$&")}"`;
