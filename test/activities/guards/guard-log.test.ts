import { appendFileSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { EvidenceSpool } from "#activities/evidence";
import { GuardLog } from "#activities/guards/guard-log";
import type { GuardEntry } from "#model/guards";
import { TempDir } from "#test/support/temp-dir";

const RUN_ID = "sample-p1-r1-a1";
const BEGIN: GuardEntry = { type: "begin", cpus: 2, engines: [], nodes: [] };
const END: GuardEntry = { type: "end", engines: [], nodes: [] };

test("what was written is read in its order, also by a worker that takes over", async () => {
  using dir = new TempDir();
  const path = new EvidenceSpool(dir.join("spool")).guardLogPath(RUN_ID);
  new GuardLog(path).append(BEGIN);
  const successor = new GuardLog(path);
  expect(successor.exists).toBe(true);
  successor.append(END);
  expect(await successor.read()).toEqual([BEGIN, END]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("a line that a dying worker did not finish costs no other line", async () => {
  using dir = new TempDir();
  const path = dir.join("guards.jsonl");
  new GuardLog(path).append(BEGIN);
  appendFileSync(path, '{"type":"interval","inter');
  const successor = new GuardLog(path);
  successor.append(END);
  successor.append(END);
  expect(await successor.read()).toEqual([BEGIN, END, END]);
});

test("a line that found no room for all of it costs no other line", async () => {
  using dir = new TempDir();
  const path = dir.join("guards.jsonl");
  const log = new GuardLog(path);
  log.append(BEGIN);
  rmSync(path);
  mkdirSync(path);
  expect(() => log.append(END)).toThrow("EISDIR");
  rmSync(path, { recursive: true });
  writeFileSync(path, '{"type":"interval","inter');
  log.append(END);
  expect(await log.read()).toEqual([END]);
});

test("what was never sampled is empty, and what is forgotten is gone", async () => {
  using dir = new TempDir();
  const spool = new EvidenceSpool(dir.join("spool"));
  const log = new GuardLog(spool.guardLogPath(RUN_ID));
  expect(await log.read()).toEqual([]);
  log.append(BEGIN);
  await spool.forget(RUN_ID);
  expect(readdirSync(dir.join("spool"))).toEqual([]);
});
