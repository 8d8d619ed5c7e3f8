/** Units put into systemd's folder and started, and taken away again. Both are safe to repeat. */

import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "#infra/console/commands";

export interface ServiceManager {
  readonly unitDir: string;
  readonly systemctl: (...args: string[]) => Promise<unknown>;
}

const SYSTEMD: ServiceManager = {
  unitDir: "/etc/systemd/system",
  systemctl: (...args) => runCommand("systemctl", args),
};

/**
 * @param units - Texts by name, in start order.
 * @param makeRoom - Called while none of them runs.
 */
export async function installUnits(
  units: Readonly<Record<string, string>>,
  makeRoom: () => Promise<unknown>,
  manager: ServiceManager = SYSTEMD,
): Promise<void> {
  const names = Object.keys(units);
  const installed = names.filter((name) => existsSync(join(manager.unitDir, name)));
  if (installed.length > 0) await manager.systemctl("stop", ...installed.toReversed());
  for (const [name, text] of Object.entries(units)) writeFileSync(join(manager.unitDir, name), text, { mode: 0o644 });
  await manager.systemctl("daemon-reload");
  await makeRoom();
  for (const name of names) await manager.systemctl("enable", "--now", name);
}

export async function removeUnits(names: readonly string[], manager: ServiceManager = SYSTEMD): Promise<void> {
  const installed = names.filter((name) => existsSync(join(manager.unitDir, name)));
  if (installed.length === 0) return;
  await manager.systemctl("disable", "--now", ...installed);
  for (const name of installed) rmSync(join(manager.unitDir, name));
  await manager.systemctl("daemon-reload");
}
