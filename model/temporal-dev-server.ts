/** How Meshbench starts a Temporal server of its own, shared by the set-up and the tests. */

import { SEARCH_ATTRIBUTES } from "#model/search-attributes";

/**
 * Measured on two cores: eight activities in a row take 150 ms with these, 850 ms without, and a timer's floor of one
 * second goes away. The defaults throttle the queue processors of a production cluster.
 */
const DYNAMIC_CONFIG = [
  "history.transferProcessorMaxPollRPS=2000",
  "history.timerProcessorMaxPollRPS=2000",
  'history.timerProcessorMaxTimeShift="10ms"',
  "system.enableActivityEagerExecution=true",
] as const;

/** Arguments for `temporal server start-dev`, beside address, ports and database file. */
export const TEMPORAL_DEV_SERVER_FLAGS: readonly string[] = [
  ...DYNAMIC_CONFIG.flatMap((setting) => ["--dynamic-config-value", setting]),
  ...Object.entries(SEARCH_ATTRIBUTES).flatMap(([name, type]) => ["--search-attribute", `${name}=${type}`]),
];
