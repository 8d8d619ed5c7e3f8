/** Temporal's development server as a service: one SQLite file, and the settings that make its steps quick. */

import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { SEARCH_ATTRIBUTES } from "#model/search-attributes";
import type { Installation } from "#worker/installation";
import { loadTemporalConfiguration } from "#worker/temporal-connection";
import { temporalBinary } from "#infra/temporal/binary";
import type { ServiceSpec } from "#infra/supervisor/service";

const PREFERRED_PORT = 7233;
const PREFERRED_UI_PORT = 8233;
const GRACE_SEC = 10;

/**
 * Eight activities take 0.15 s with these, 0.85 s without: queues are polled 2000 instead of 20 times a second, and
 * timers are no longer rounded up to a second. The new matcher is the one that knows priorities.
 */
const DYNAMIC_CONFIG = {
  "history.transferProcessorMaxPollRPS": 2000,
  "history.timerProcessorMaxPollRPS": 2000,
  "history.timerProcessorMaxTimeShift": "10ms",
  "system.enableActivityEagerExecution": true,
  "matching.useNewMatcher": true,
} as const;

/** A server that `TEMPORAL_ADDRESS` or a profile names: then none of our own is started. */
export function configuredTemporalAddress(): string | undefined {
  return loadTemporalConfiguration().connectionOptions.address;
}

/** Takes Temporal's usual ports where they are free, others where not. */
export async function temporalService(installation: Installation): Promise<ServiceSpec> {
  const { temporalDatabase, logsDir } = installation;
  mkdirSync(dirname(temporalDatabase), { recursive: true, mode: 0o700 });
  const port = await freePort(PREFERRED_PORT);
  const uiPort = await freePort(PREFERRED_UI_PORT);
  const flags = [
    ["--ip", "127.0.0.1"],
    ["--port", String(port)],
    ["--ui-port", String(uiPort)],
    ["--db-filename", temporalDatabase],
    ["--log-level", "warn"],
    ...Object.entries(DYNAMIC_CONFIG).map(([key, value]) => [
      "--dynamic-config-value",
      `${key}=${JSON.stringify(value)}`,
    ]),
    ...Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => ["--search-attribute", `${name}=${type}`]),
  ];
  return {
    name: "temporal",
    command: [temporalBinary(installation), "server", "start-dev", ...flags.flat()],
    logFile: join(logsDir, "temporal.log"),
    readyAt: { port },
    graceSec: GRACE_SEC,
    address: `127.0.0.1:${port}`,
    webPage: `http://127.0.0.1:${uiPort}`,
  };
}

/** The preferred port, if nobody listens there, else any free one. */
async function freePort(preferred: number): Promise<number> {
  return (await tryPort(preferred)) ?? (await tryPort(0)) ?? preferred;
}

/** @returns The port that could be bound; `undefined` where somebody has it. */
function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen({ port, host: "127.0.0.1" }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === "object" ? bound?.port : undefined));
    });
  });
}
