import { ApplicationFailure, CancelledFailure } from "@temporalio/common";
import { expect, test } from "vitest";
import { withFailureBoundary } from "#activities/failure-boundary";
import { BenchError, FAILURES, UnavailableError } from "#model/errors";
import type { FailureKind } from "#model/errors";
import { maskSecrets } from "#model/mask-secrets";
import { failureOf } from "#test/support/failures";

const failWith = (error: Error): Promise<never> =>
  withFailureBoundary({ step: "main", host: "here" }, async () => {
    throw error;
  });

test("an expected failure crosses with kind, message and particulars", async () => {
  expect(await failureOf(failWith(new BenchError("oom", "killed", { node: 3 })))).toEqual({
    kind: "oom",
    message: "killed",
    node: 3,
    step: "main",
    host: "here",
    nonRetryable: true,
  });
});

test("only what may pass by itself is tried again", async () => {
  const retried: FailureKind[] = [];
  for (const kind of Object.keys(FAILURES) as FailureKind[]) {
    const { nonRetryable } = await failureOf(failWith(new BenchError(kind, "x")));
    if (!nonRetryable) retried.push(kind);
  }
  expect(retried.sort()).toEqual(["collect", "engine unavailable", "esxi unavailable"]);
});

test("an engine that is missing is an engine that is unavailable", async () => {
  expect(await failureOf(failWith(new UnavailableError("no socket", "start it")))).toMatchObject({
    kind: "engine unavailable",
    nonRetryable: false,
  });
});

test("bugs and cancellation pass as they are", async () => {
  const bug = new TypeError("x is not a function");
  await expect(failWith(bug)).rejects.toBe(bug);
  const cancelled = new CancelledFailure("cancelled");
  await expect(failWith(cancelled)).rejects.toBe(cancelled);
});

const canary = "c4n4ry-s3cret";
test.for([
  `connect to https://admin:${canary}@esxi/sdk failed`,
  `near 'IDENTIFIED BY '${canary}''`,
  `CREATE USER peer IDENTIFIED WITH mysql_native_password AS '${canary}'`,
  `{"peerPassword":"${canary}","mode":"replicated"}`,
  `password=${canary}, user=worker`,
  `secret: ${canary}`,
  `api_key=${canary}`,
  `authorization: Bearer ${canary}`,
])("no secret leaves in %s", async (text) => {
  expect(maskSecrets(text)).not.toContain(canary);
  expect((await failureOf(failWith(new BenchError("sync", text)))).message).not.toContain(canary);
  const error = new Error("outer", { cause: new Error(text) });
  await expect(failWith(error)).rejects.toBe(error);
  expect(`${error.message}${error.stack}${(error.cause as Error).stack}`).not.toContain(canary);
});

test("ordinary words are left alone", () => {
  const text = "node 3: Access denied for user 'worker'@'198.18.0.1' (using password: YES)";
  expect(maskSecrets(text)).toContain("Access denied for user 'worker'@'198.18.0.1'");
  expect(new ApplicationFailure(maskSecrets("digest mismatch: node 3")).message).toBe("digest mismatch: node 3");
});
