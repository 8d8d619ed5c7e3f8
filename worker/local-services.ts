/** What `meshbench up` runs on this machine, as its supervisor writes it down: who, where, and where the logs are. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Installation } from "#worker/installation";
import { isAlive } from "#activities/process-identity";

const processIdentity = z.object({ pid: z.int(), startTicks: z.int() });

/**
 * ```
 * starting ──ready──▶ running ──┐
 *    ▲  └──dies──▶ waiting ◀─dies┘      stopping ──▶ (gone from the file)
 *    └──back-off over──┘
 * ```
 */
const serviceState = z.enum(["starting", "running", "waiting", "stopping"]);

const localService = z.object({
  name: z.string(),
  state: serviceState,
  process: processIdentity.optional(),
  /** How often it died and was started again. */
  restarts: z.int(),
  logFile: z.string(),
  /** Where it answers, such as `127.0.0.1:7233` or `unix:///var/run/docker.sock`. */
  address: z.string().optional(),
  /** A page for people, where it has one. */
  webPage: z.string().optional(),
});

const localServices = z.object({
  supervisor: processIdentity,
  services: z.array(localService),
});

export type LocalService = z.infer<typeof localService>;
export type LocalServices = z.infer<typeof localServices>;

export function localServicesFile({ runtimeDir }: Pick<Installation, "runtimeDir">): string {
  return join(runtimeDir, "services.json");
}

/** @returns The supervisor's last word, be it alive or not; `undefined` where none has run since the last `down`. */
export function readServicesRecord(installation: Pick<Installation, "runtimeDir">): LocalServices | undefined {
  let text: string;
  try {
    text = readFileSync(localServicesFile(installation), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return localServices.parse(JSON.parse(text));
}

/** @returns What runs now; `undefined` where no supervisor lives. */
export function readLocalServices(installation: Pick<Installation, "runtimeDir">): LocalServices | undefined {
  const record = readServicesRecord(installation);
  return record && isAlive(record.supervisor) ? record : undefined;
}

/** Address of the Temporal server that `up` started, as `host:port`; for those whom the environment tells no other. */
export function localTemporalAddress(installation: Pick<Installation, "runtimeDir">): string | undefined {
  return readLocalServices(installation)?.services.find(({ name }) => name === "temporal")?.address;
}
