/** The services that an installation's supervisor is to run, as `up` hands them over, and the one lock that makes it one. */

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import type { Installation } from "#worker/installation";
import type { ServiceSpec } from "#infra/supervisor/service";

/** In start order; they are stopped in reverse. */
export function readPlan(installation: Installation): ServiceSpec[] {
  try {
    return JSON.parse(readFileSync(planFile(installation), "utf8")) as ServiceSpec[];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

export function writePlan(installation: Installation, services: readonly ServiceSpec[]): void {
  replaceFile(planFile(installation), services);
}

export function removePlan(installation: Installation): void {
  rmSync(planFile(installation), { force: true });
}

function planFile({ runtimeDir }: Installation): string {
  return join(runtimeDir, "plan.json");
}

/** As `replaceText`, with the content as JSON. */
export function replaceFile(path: string, content: unknown): void {
  replaceText(path, `${JSON.stringify(content, null, 2)}\n`);
}

/** Readers see the old or the new text, never a part. Only the owner may read it. */
export function replaceText(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, path);
}

/** Names an installation where a path is too long or not allowed. */
export function installationId({ home }: Installation): string {
  return createHash("sha256").update(home).digest("hex").slice(0, 12);
}

/**
 * Makes this process the installation's supervisor, until it ends in whatever way: a socket in Linux's abstract name
 * space leaves no file that a killed owner could forget.
 * @returns False where another one is it.
 */
export function becomeSupervisor(installation: Installation): Promise<boolean> {
  const lock = createServer();
  return new Promise((resolve, reject) => {
    lock.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    lock.listen(`\0meshbench-supervisor-${installationId(installation)}`, () => resolve(true));
  });
}
