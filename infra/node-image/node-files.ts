/** What lies on top of Debian and the prepared data directory, read from the checkout of the image's inputs. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodeImageInputs } from "#activities/image/node-image";
import type { Steps } from "#infra/console/steps";
import type { NodeFiles } from "#infra/node-image/layers";
import { readNodeRuntime } from "#infra/node-image/node-runtime";

export async function readNodeFiles(
  { checkout, nodeVersion, program, mysqlSchema }: NodeImageInputs,
  { architecture, cacheDir, steps }: { architecture: string; cacheDir: string; steps: Steps },
): Promise<NodeFiles> {
  const runtime = await steps.run(`Node ${nodeVersion} for ${architecture}`, (step) =>
    readNodeRuntime({ version: nodeVersion, architecture, cacheDir }, step),
  );
  const readScript = (name: string) => readFile(join(checkout, "infra", "node-image", name));
  return {
    runtime,
    init: await readScript("init.sh"),
    vmConfig: await readScript("vm-config.sh"),
    program,
    prepareData: await readScript("prepare-data.sh"),
    mysqlSchema: Buffer.from(mysqlSchema),
  };
}
