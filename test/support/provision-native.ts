/** A worker, in short: makes a run's network and its first node, in the places below its first argument, and says so. */

import { setInterval } from "node:timers";
import { NativeHost, PROCESS_ENVIRONMENT } from "#test/support/process-harness";
import { sampleRun } from "#test/support/sample-run";

const [dir = "", runId = "", deadlineAt = "", image = ""] = process.argv.slice(2);
const { signal } = new AbortController();
const provider = new NativeHost(dir).openProvider();
const environment = await provider.prepareEnvironment({ ...PROCESS_ENVIRONMENT, image });
const run = sampleRun({ runId, environment, point: { nodes: 1 } });
const workerVerifier = `*${"A".repeat(40)}`;
await provider.ensureRun(run, deadlineAt, signal);
await provider.ensureNode(run, { index: 1, deadlineAt, workerVerifier, sizing: run.sizing }, signal);
process.stdout.write("made\n");
// Until it is killed.
setInterval(() => {}, 60_000);
