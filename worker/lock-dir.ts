/** Where all installations on this machine look for each other. */

import { accessSync, chmodSync, constants, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * `/run/meshbench` where root made it or may make it: then it holds for all users. Without root the user's own, which
 * holds for that user's installations.
 */
export function locateLockDir(env: NodeJS.ProcessEnv = process.env): string {
  const shared = "/run/meshbench";
  if (isUsable(shared)) return shared;
  const runtimeDir = env["XDG_RUNTIME_DIR"];
  return runtimeDir ? join(runtimeDir, "meshbench") : join(tmpdir(), `meshbench-${process.getuid?.()}`);
}

function isUsable(dir: string): boolean {
  try {
    // Anybody may leave a file, as in /tmp, and remove only his own. The umask would say otherwise.
    if (mkdirSync(dir, { recursive: true })) chmodSync(dir, 0o1777);
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false; // no right to make it, or to use it: somebody else's business
  }
}
