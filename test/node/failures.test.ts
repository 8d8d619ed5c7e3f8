import { describe, expect, test } from "vitest";
import { BenchError } from "#model/errors";
import { nowUs } from "#node/clock";
import { readEnvironment } from "#node/environment";
import { connectionFailure, isConnectionLost, statementFailure, toNodeFailure } from "#node/failure";
import { orAtDeadline, retryUntil } from "#node/retry";

const driverError = (message: string, fields: object) => Object.assign(new Error(message), fields);

describe("errors of the driver", () => {
  test.for([
    [{ code: "ECONNRESET", fatal: true }, true],
    [{ code: "ER_SERVER_SHUTDOWN" }, true],
    [{ code: "ER_DUP_ENTRY", errno: 1062 }, false],
  ] as const)("with %o leave the outcome open: %o", ([fields, expected]) => {
    expect(isConnectionLost(driverError("it broke", fields))).toBe(expected);
  });

  test.for([
    ["ER_RECORD_FILE_FULL", "The table 'tuple' is full", "disk full"],
    ["ER_ERROR_ON_WRITE", "Error writing file '/ram/x' (Errcode: 28 \"No space left on device\")", "disk full"],
    ["ER_GET_ERRNO", "Got error 28 from storage engine", "disk full"],
    ["ER_DUP_ENTRY", "Duplicate entry 'x' for key 'PRIMARY'", "node failed"],
  ] as const)("%s is a failure that says where", ([code, message, kind]) => {
    expect(statementFailure("node 3 (198.18.0.5)", driverError(message, { code }))).toMatchObject({
      kind,
      message: `node 3 (198.18.0.5): ${code} ${message}`,
    });
  });

  test("a connection that cannot be had names the database once and the reason once", () => {
    const refused = driverError("connect ECONNREFUSED 198.18.0.5:3306", { code: "ECONNREFUSED" });
    expect(connectionFailure("sync", "node 3", refused).message).toBe("node 3: connect ECONNREFUSED 198.18.0.5:3306");
  });

  test("a connection that a full disk refuses says so", () => {
    const full = driverError("Got error 28 from storage engine", { code: "ER_GET_ERRNO" });
    expect(connectionFailure("sync", "node 3", full).kind).toBe("disk full");
  });

  test("what nobody expected is a bug", () => {
    expect(toNodeFailure(new TypeError("x is undefined"))).toEqual({
      kind: "bug",
      message: "TypeError: x is undefined",
    });
    expect(toNodeFailure(new BenchError("dns", "no address"))).toEqual({ kind: "dns", message: "no address" });
  });
});

describe("retrying", () => {
  test("goes on until it works", async () => {
    let attempts = 0;
    const attempt = async () => {
      if (++attempts < 3) throw new Error("not yet");
      return attempts;
    };
    await expect(retryUntil(nowUs() + 5_000_000, attempt)).resolves.toBe(3);
  });

  test("ends at the deadline with the last error", async () => {
    let attempts = 0;
    const attempt = () => Promise.reject(new Error(`attempt ${++attempts}`));
    await expect(retryUntil(nowUs() + 30_000, attempt)).rejects.toThrow(/^attempt 2$/);
  });

  test("does not wait for what hangs", async () => {
    const hanging = new Promise<string>(() => {});
    await expect(orAtDeadline(nowUs() + 10_000, hanging, async () => "gave up")).resolves.toBe("gave up");
    await expect(orAtDeadline(nowUs() + 10_000, Promise.resolve("done"), async () => "gave up")).resolves.toBe("done");
  });
});

describe("environment", () => {
  const env = { MESHBENCH_RUN: "s-p1-r1-a1", MESHBENCH_NODE: "2" };

  test("names run, node and the database's socket", () => {
    expect(readEnvironment(env)).toMatchObject({
      runId: "s-p1-r1-a1",
      nodeIndex: 2,
      own: { socketPath: "/ram/mysqld.sock", user: "node" },
      stretch: 1,
    });
  });

  test("stretches the schedule in tests only", () => {
    expect(readEnvironment({ ...env, MESHBENCH_STRETCH: "1.05" }).stretch).toBe(1);
    expect(readEnvironment({ ...env, MESHBENCH_STRETCH: "1.05", MESHBENCH_TEST: "1" }).stretch).toBe(1.05);
  });

  test("has to be there", () => {
    expect(() => readEnvironment({})).toThrow("MESHBENCH_RUN is not set");
    expect(() => readEnvironment({ ...env, MESHBENCH_NODE: "0" })).toThrow("MESHBENCH_NODE is no node index");
  });
});
