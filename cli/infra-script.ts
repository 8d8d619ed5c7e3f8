/** Commands that act on this machine are scripts of infra/, run as they are: their output and exit code are the command's. */

import { spawn } from "node:child_process";
import { join } from "node:path";
import { EXIT } from "#model/errors";

const INFRA = join(import.meta.dirname, "..", "infra");

/** Runs `infra/NAME.ts` with the command's own flags. Signals of the terminal reach it by themselves. */
export async function runInfraScript(name: string, flags: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [join(INFRA, `${name}.ts`), ...flags], { stdio: "inherit" });
  const passOn = (signal: NodeJS.Signals) => child.kill(signal);
  process.on("SIGTERM", passOn);
  process.on("SIGINT", leaveToChild);
  process.exitCode = await new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? EXIT.error));
  });
  process.off("SIGTERM", passOn).off("SIGINT", leaveToChild);
}

function leaveToChild(): void {
  // The terminal sends Ctrl-C to both; the child says what follows from it.
}

/** `{ yes: true, only: ["a", "b"] }` → `--yes --only a b`. */
export function toFlags(options: Readonly<Record<string, boolean | readonly string[] | undefined>>): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    return [`--${name}`].concat(value === true ? [] : value);
  });
}
