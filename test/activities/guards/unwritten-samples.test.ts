import { rmSync, writeFileSync } from "node:fs";
import { beforeEach, expect, test, vi } from "vitest";
import { LocalHostGuards } from "#activities/guards/host-guards";
import { DEFAULT_GUARDS } from "#model/guards";
import { TempDir } from "#test/support/temp-dir";

const RECORD = { sampledSec: expect.any(Number), foreign: { enginesGone: [] } };

beforeEach(() => {
  vi.spyOn(console, "error").mockImplementation(() => {});
});

/** Where no log can be written: its folder is a file. */
function blockedLog(dir: TempDir): string {
  writeFileSync(dir.join("spool"), "");
  return dir.join("spool/guards.jsonl");
}

test("a run whose guard log cannot be written is judged by what was seen", async () => {
  using dir = new TempDir();
  const path = blockedLog(dir);
  const guards = new LocalHostGuards(DEFAULT_GUARDS);
  guards.watch(path, []).stop();
  expect(await guards.recordOf(path, [])).toMatchObject(RECORD);
  expect(await guards.recordOf(path, [])).toMatchObject(RECORD);
});

test("so is one whose log could be written for a part of it only", async () => {
  using dir = new TempDir();
  const path = blockedLog(dir);
  const guards = new LocalHostGuards(DEFAULT_GUARDS);
  const watch = guards.watch(path, []);
  rmSync(dir.join("spool"));
  watch.stop();
  expect(await guards.recordOf(path, [])).toMatchObject(RECORD);
});

test("what only a dead worker had in mind is called lost, not unsampled; that of another run is nobody's", async () => {
  using dir = new TempDir();
  const path = blockedLog(dir);
  const guards = new LocalHostGuards(DEFAULT_GUARDS);
  guards.watch(path, []).stop();
  expect(await new LocalHostGuards(DEFAULT_GUARDS).recordOf(path, [])).toBe("samples lost");
  guards.watch(`${path}.next`, []).stop();
  expect(await guards.recordOf(path, [])).toBe("samples lost");
});
