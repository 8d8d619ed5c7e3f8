/** `node sdk-download.ts DIR VERSION`: has the SDK download Temporal's program into DIR. */

import { TestWorkflowEnvironment } from "@temporalio/testing";

const SITE = "https://temporal.download/";
const SITE_LIMIT_MS = 10_000;

const [downloadDir, version] = process.argv.slice(2);
if (!downloadDir || !version) throw new Error("usage: sdk-download.ts DIR VERSION");

// Where the site cannot be reached the SDK may wait for minutes.
const answers = await fetch(SITE, { method: "HEAD", signal: AbortSignal.timeout(SITE_LIMIT_MS) }).then(
  () => true,
  () => false,
);
if (!answers) {
  process.stderr.write(`${SITE} cannot be reached\n`);
  process.exit(1);
}
// The SDK downloads on the way to starting a server.
const environment = await TestWorkflowEnvironment.createLocal({
  server: { executable: { type: "cached-download", downloadDir, version } },
});
await environment.teardown();
