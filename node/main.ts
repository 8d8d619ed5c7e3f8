/**
 * The program inside a node. It waits in its own database for the work, does it together with its peers, and leaves the
 * result there. It exits with 0 once the result or the failure is recorded; the database lives on for the worker.
 */

import { NODE_EXIT } from "#model/node-protocol";
import { waitForAssignment } from "#node/assignment";
import { nowUs } from "#node/clock";
import { readEnvironment } from "#node/environment";
import type { NodeEnvironment } from "#node/environment";
import { takePart } from "#node/experiment";
import { toNodeFailure } from "#node/failure";
import { Link } from "#node/link";
import { Progress } from "#node/progress";

/** The database starts beside this program. */
const OWN_DATABASE_WITHIN_US = 60_000_000;

async function runNode(environment: NodeEnvironment): Promise<void> {
  const own = await Link.openUntil(environment.own, nowUs() + OWN_DATABASE_WITHIN_US);
  const progress = new Progress(own);
  try {
    await progress.enter("waiting");
    const assignment = await waitForAssignment(own, environment);
    const part = takePart({ assignment, own, progress, stretch: environment.stretch });
    await progress.done(await Promise.race([part, crash()]));
  } catch (error) {
    console.error(error);
    await progress.fail(toNodeFailure(error));
  }
}

/** Rejects with an exception that nothing else would see, such as one in a timer. */
function crash(): Promise<never> {
  return new Promise((_, reject) => {
    process.once("uncaughtException", reject);
  });
}

async function main(): Promise<void> {
  process.once("SIGTERM", () => process.exit(NODE_EXIT.terminated));
  try {
    await runNode(readEnvironment(process.env));
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(NODE_EXIT.programDied);
  }
}

void main();
