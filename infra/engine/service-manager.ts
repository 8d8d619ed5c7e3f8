/** Who starts services on this machine, and how it is asked to. */

import { existsSync } from "node:fs";
import type { RootCommand } from "#infra/console/root";

export const SERVICE_MANAGERS = {
  systemd: {
    start: ["systemctl", "start", "docker.service"],
    // The socket unit would start the service again at the next connection.
    stop: ["systemctl", "stop", "docker.socket", "docker.service"],
  },
  "init-script": { start: ["service", "docker", "start"], stop: ["service", "docker", "stop"] },
} as const satisfies Record<string, { start: RootCommand; stop: RootCommand }>;

export type ServiceManager = keyof typeof SERVICE_MANAGERS;

/** @returns `undefined` where no service manager runs, as in a container or a bare VM. */
export function serviceManager(): ServiceManager | undefined {
  return existsSync("/run/systemd/system") ? "systemd" : undefined;
}
