/** Everything a worker registers; the bundle's entry. */

export { benchmarkRunWorkflow } from "#workflows/benchmark-run";
export { hostQueueWorkflow } from "#workflows/host-queue";
export { nightlyFiredWorkflow, nightlyReportWorkflow, nightlyWorkflow } from "#workflows/nightly";
export { pullRequestCommentWorkflow } from "#workflows/pull-request-comment";
export { reapHostWorkflow } from "#workflows/reap-host";
export { readNodeLogsWorkflow, readResultsWorkflow } from "#workflows/remote-reading";
export { sweepReportWorkflow } from "#workflows/sweep-report";
export { sweepWorkflow } from "#workflows/sweep";
