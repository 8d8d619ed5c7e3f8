import { expect, test } from "vitest";
import { isQueryUnanswered, isServerUnreachable } from "#worker/temporal-connection";

/** As grpc-js makes it, wrapped as the SDK wraps it. */
function failedCall(code: number): Error {
  const grpcError = Object.assign(new Error("call failed"), { code, details: "", metadata: {} });
  return new Error("query failed", { cause: grpcError });
}

test("a query whose worker was killed with it in hand is one without an answer, to be asked again", () => {
  const cancelledByServer = failedCall(1);
  expect(isQueryUnanswered(cancelledByServer)).toBe(true);
  expect(isServerUnreachable(cancelledByServer)).toBe(true);
});

test("a refusal is an answer", () => {
  const permissionDenied = failedCall(7);
  expect(isQueryUnanswered(permissionDenied)).toBe(false);
  expect(isServerUnreachable(permissionDenied)).toBe(false);
});
