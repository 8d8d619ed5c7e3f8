/** How runs ended, in words. */

import { countStatuses, replacedAttempts, RUN_STATUSES } from "#model/point-summary";
import type { RunRow } from "#model/result-row";

/** `7 VALID, 1 INVALID (1 replaced)`; every attempt counts, and the statuses that do not occur are left out. */
export function statusText(rows: readonly RunRow[]): string {
  const counts = countStatuses(rows);
  const replaced = replacedAttempts(rows).size;
  const parts = RUN_STATUSES.filter((status) => counts[status] > 0).map((status) => `${counts[status]} ${status}`);
  return `${parts.join(", ")}${replaced > 0 ? ` (${replaced} replaced)` : ""}`;
}
