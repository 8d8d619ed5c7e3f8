import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeUnitEnvironment, unitArguments, writeUnitEnvironment } from "#infra/supervisor/unit";
import { TempDir } from "#test/support/temp-dir";
import { type Installation, locateInstallation } from "#worker/installation";

/** With all that a shell or systemd would read into it. */
const ODD = "line 1\nline \"2\" \\ $HOME `id` '3' %h # end";

let dir: TempDir;
let installation: Installation;
beforeEach(() => {
  dir = new TempDir();
  installation = locateInstallation({ MESHBENCH_HOME: dir.path });
});
afterEach(() => dir[Symbol.dispose]());

const environmentFileIn = (args: readonly string[]) =>
  args.map((argument) => /^--property=EnvironmentFile=(.+)$/.exec(argument)?.[1]).find((path) => path !== undefined)!;

test("a unit gets no secrets, and its variables by a file of the owner's: everybody can ask systemd for the others", () => {
  writeUnitEnvironment(installation, { TEMPORAL_API_KEY: "canary", PATH: ODD, UNRELATED: "x" });
  const args = unitArguments(installation, ["node", "main.ts"]);
  expect(args.filter((argument) => /^--setenv|Environment=/.test(argument))).toEqual([]);
  expect(args.join("\n")).not.toContain(ODD);
  expect(args.slice(-3)).toEqual(["--", "node", "main.ts"]);
  const file = environmentFileIn(args);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).not.toMatch(/UNRELATED|API_KEY|canary/);
});

test("a unit's variables arrive as they are, whatever is in them", () => {
  writeUnitEnvironment(installation, { DOCKER_CERT_PATH: ODD });
  const file = environmentFileIn(unitArguments(installation, []));
  // Its quoting is a shell's.
  const script = 'set -a; . "$1"; printf "%s|%s" "$DOCKER_CERT_PATH" "$MESHBENCH_HOME"';
  const read = execFileSync("sh", ["-c", script, "sh", file], { encoding: "utf8", env: {} });
  expect(read).toBe(`${ODD}|${installation.home}`);
});

test("a unit that is stopped leaves its variables nowhere", () => {
  writeUnitEnvironment(installation, {});
  const file = environmentFileIn(unitArguments(installation, []));
  removeUnitEnvironment(installation);
  expect(existsSync(file)).toBe(false);
});
