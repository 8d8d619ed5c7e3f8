/** Which version of Meshbench measures. */

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const CHECKOUT = join(import.meta.dirname, "..");

/** @returns Commit of this checkout, with `-dirty` where files differ from it; "" outside a checkout. */
export async function readSourceSha(): Promise<string> {
  try {
    const args = ["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"];
    const { stdout } = await promisify(execFile)("git", args, { cwd: CHECKOUT });
    return stdout.trim();
  } catch {
    return ""; // no git, or no checkout: then there is no commit to name
  }
}
