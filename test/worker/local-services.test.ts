import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { localServicesFile, localTemporalAddress, readLocalServices } from "#worker/local-services";
import { identifyProcess, isAlive } from "#activities/process-identity";

let runtimeDir: string;
beforeEach(() => {
  runtimeDir = mkdtempSync(join(tmpdir(), "meshbench-services-"));
});
afterEach(() => rmSync(runtimeDir, { recursive: true }));

const me = identifyProcess(process.pid)!;
const temporal = { name: "temporal", state: "running", restarts: 0, logFile: "/x.log", address: "127.0.0.1:7234" };

function writeRecord(supervisor: object) {
  writeFileSync(localServicesFile({ runtimeDir }), JSON.stringify({ supervisor, services: [temporal] }));
}

test("the address of the running Temporal server is known", () => {
  writeRecord(me);
  expect(localTemporalAddress({ runtimeDir })).toBe("127.0.0.1:7234");
});

test("nothing runs where no supervisor wrote anything", () => {
  expect(readLocalServices({ runtimeDir })).toBeUndefined();
});

test("a pid that was given to another process is not the supervisor", () => {
  writeRecord({ ...me, startTicks: me.startTicks - 1 });
  expect(readLocalServices({ runtimeDir })).toBeUndefined();
});

test("a process that never was is not alive", () => {
  expect(isAlive(me)).toBe(true);
  expect(isAlive({ pid: 2 ** 22 + 1, startTicks: 1 })).toBe(false);
});
