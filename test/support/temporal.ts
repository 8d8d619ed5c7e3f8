/** A real Temporal server for one test file, and the workflows' bundle. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { TestWorkflowEnvironment } from "@temporalio/testing";
import { bundleWorkflowCode, DefaultLogger, Runtime } from "@temporalio/worker";
import type { WorkflowBundleWithSourceMap } from "@temporalio/worker";
import { temporalBinary } from "#infra/temporal/binary";
import { TEMPORAL_DEV_SERVER_FLAGS } from "#model/temporal-dev-server";
import { locateInstallation } from "#worker/installation";

/** Stands in recorded histories instead of the machine's name. */
export const TEST_IDENTITY = "test";

/** Failing steps are what is tested: their warnings are no news. */
const logger = new DefaultLogger("ERROR", ({ level, message, meta }) => {
  if (level === "ERROR" && meta?.["sdkComponent"] !== "workflow")
    process.stderr.write(`${message} ${String(meta?.["error"])}\n`);
});

/** Once a process, before anything else of the SDK's native part. */
export function installQuietRuntime(): void {
  Runtime.install({ logger, telemetryOptions: { logging: { forward: {}, filter: "ERROR" } } });
}

/**
 * The server as `meshbench up` starts it, in memory, on a free port.
 * @param dynamicConfig - Settings such as `limit.historyCount.suggestContinueAsNew=100`.
 */
export async function startTemporal(dynamicConfig: readonly string[] = []): Promise<TestWorkflowEnvironment> {
  const path = temporalBinary(locateInstallation());
  if (!existsSync(path)) throw new Error(`no Temporal server at ${path}: run meshbench up, or npm test`);
  installQuietRuntime();
  const extra = dynamicConfig.flatMap((setting) => ["--dynamic-config-value", setting]);
  return TestWorkflowEnvironment.createLocal({
    client: { identity: TEST_IDENTITY },
    server: {
      executable: { type: "existing-path", path },
      log: { format: "pretty", level: "never" },
      extraArgs: [...TEMPORAL_DEV_SERVER_FLAGS, ...extra],
    },
  });
}

/** Takes over a second: once per file. */
export const bundleWorkflows = (): Promise<WorkflowBundleWithSourceMap> =>
  bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL("../../workflows/index.ts", import.meta.url)), logger });
