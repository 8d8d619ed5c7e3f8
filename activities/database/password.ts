/**
 * A run's passwords. They are derived, not stored: every worker that holds the host's secret file can attach to a run,
 * and nothing about them has to be written down, handed over or remembered.
 */

import { createHash, createHmac } from "node:crypto";

/** Of the worker's account on all nodes of a run. 43 characters of base64url. */
export function derivePassword(hostSecret: string | Buffer, runId: string): string {
  return createHmac("sha256", hostSecret).update(runId).digest("base64url");
}

/** Of the account nodes use on each other. No run id contains a slash, so it is never a worker's. */
export function derivePeerPassword(hostSecret: string | Buffer, runId: string): string {
  return createHmac("sha256", hostSecret).update(`peer/${runId}`).digest("base64url");
}

/** What marks a host as a run's. It tells nothing of the passwords, and shows on the host. 32 hex digits. */
export function deriveFenceToken(hostSecret: string | Buffer, runId: string): string {
  return createHmac("sha256", hostSecret).update(`fence/${runId}`).digest("hex").slice(0, 32);
}

/** SHA1(SHA1(password)) as mysql_native_password stores it: `*` and 40 upper-case hex digits. Logging in takes more. */
export function verifierOf(password: string): string {
  const once = createHash("sha1").update(password).digest();
  return `*${createHash("sha1").update(once).digest("hex").toUpperCase()}`;
}
