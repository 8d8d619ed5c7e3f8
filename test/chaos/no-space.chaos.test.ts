import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LABEL, runWorkflowId } from "#model/ids";
import { NODES_KEPT_MEMO } from "#model/reaping";
import { until } from "#test/support/installation-harness";
import { ChaosHarness } from "#test/chaos/support/chaos-harness";
import type { ChaosSweep } from "#test/chaos/support/chaos-harness";

/** What was measured waits for so long, and the host with it. */
const COLLECT_LIMIT_SEC = 600;
/** A last attempt that would come after the limit is not waited for; nor is the first refusal told at once. */
const LAST_PAUSE_SEC = 60;
/** What such a run's row says. */
const NO_SPACE = { status: "FAILED", reason: expect.stringMatching(/^collect: no space.*in collect/) };
/** Its nodes outlive the time in which it waits for room. */
const KEPT = { attempts: 1, keep: "on-failure", deadline: "30m" };
const CHUNK = Buffer.alloc(64 * 1024);

let chaos: ChaosHarness;
beforeEach(async () => {
  chaos = await ChaosHarness.up({ prepare: mountSmallResults });
});
afterEach(() => chaos[Symbol.asyncDispose]());

function mountSmallResults(home: string): () => void {
  const dir = join(home, "results");
  mkdirSync(dir, { mode: 0o700 });
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", dir]);
  return () => execFileSync("umount", [dir]);
}

const results = () => join(chaos.installation.home, "results");
const ballast = () => join(results(), "ballast");

/** Until not a byte more fits. */
function fillResults(): void {
  for (const chunk of [CHUNK, CHUNK.subarray(0, 1)]) {
    while (fits(chunk));
  }
}

function fits(chunk: Buffer): boolean {
  try {
    appendFileSync(ballast(), chunk);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") return false;
    throw error;
  }
}

const describeRun = ({ runId }: ChaosSweep) =>
  chaos.installation.withClient((client) => client.workflow.getHandle(runWorkflowId(runId)).describe());

/** Until the run's workflow has heard that there is no room for what was measured. */
async function untilRefused(sweep: ChaosSweep): Promise<void> {
  await until("a write has failed for want of space", 60, async () => {
    const { raw } = await describeRun(sweep);
    return raw.pendingActivities?.some(({ lastFailure }) => /no space/i.test(lastFailure?.message ?? "")) === true;
  });
}

/** Parts of files that were being written, or evidence that is not whole. */
function tornFiles(): string[] {
  const files = readdirSync(results(), { recursive: true, encoding: "utf8" });
  return files.filter((file) => {
    if (file.endsWith(".tmp")) return true;
    if (!file.endsWith("evidence.json")) return false;
    try {
      JSON.parse(readFileSync(join(results(), file), "utf8"));
      return false;
    } catch {
      return true;
    }
  });
}

test("F13: results that find no room wait under the lease, and are stored whole once there is some", async () => {
  const sweep = await chaos.startSweep("f13");
  await sweep.untilStep("main");
  fillResults();
  await untilRefused(sweep);
  expect(tornFiles()).toEqual([]);
  expect(chaos.events.ofNodes(chaos.installation.hostId, "destroy")).toEqual([]);
  rmSync(ballast());
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  expect(rows).toMatchObject([{ status: "VALID", attempt: 1 }]);
  expect(tornFiles()).toEqual([]);
  expect(await chaos.violations()).toEqual([]);
});

test("F13: after ten minutes without room the run has FAILED for want of it, and its nodes are gone", async () => {
  const sweep = await chaos.startSweep("f13-given-up", { rest: { attempts: 1 } });
  await sweep.untilStep("main");
  fillResults();
  await untilRefused(sweep);
  const refusedAtMs = Date.now();
  const removal = await chaos.events.until("the nodes are removed", COLLECT_LIMIT_SEC + 60, (event) => {
    return event.action === "destroy" && event.attributes[LABEL.run] === sweep.runId;
  });
  expect((removal.timeMs - refusedAtMs) / 1000).toBeGreaterThan(COLLECT_LIMIT_SEC - LAST_PAUSE_SEC);
  // The row needs room, too.
  rmSync(ballast());
  sweep.faultIsOver();
  const { rows } = await sweep.ended();
  expect(rows).toMatchObject([NO_SPACE]);
  expect(tornFiles()).toEqual([]);
  expect(await chaos.violations()).toEqual([]);
});

test("F13: with keep: on-failure its nodes stay, and collect fetches from them what was measured", async () => {
  const { installation } = chaos;
  const sweep = await chaos.startSweep("f13-kept", { rest: KEPT });
  await sweep.untilStep("main");
  fillResults();
  await untilRefused(sweep);
  await until("the run gives up", COLLECT_LIMIT_SEC + 60, async () => {
    return (await describeRun(sweep)).memo?.[NODES_KEPT_MEMO] === true;
  });
  rmSync(ballast());
  sweep.faultIsOver();
  expect((await sweep.ended()).rows).toMatchObject([NO_SPACE]);
  expect(chaos.events.ofNodes(installation.hostId, "destroy")).toEqual([]);

  const { stdout } = await installation.expectExit(0, "collect", sweep.runId, "--json");
  expect(JSON.parse(stdout)).toMatchObject({ run_id: sweep.runId, status: "VALID", attempt: 1 });
  expect(await chaos.violations()).toEqual([]);
});
