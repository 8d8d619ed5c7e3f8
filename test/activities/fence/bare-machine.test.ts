import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BareMachine } from "#activities/fence/bare-machine";
import { HostFence } from "#activities/fence/host-fence";
import { LockFiles } from "#activities/fence/lock-files";
import { identifyProcess } from "#activities/process-identity";
import type { NodeProvider } from "#activities/providers/provider";
import type { RunSpec } from "#model/run";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

const TIMING = { fencePollMs: 1, fenceWaitMs: 20 };
const DEADLINE_AT = "2126-01-01T00:00:00.000Z";
const { signal } = new AbortController();

/** The same machine for another installation, with these runs' nodes on it. */
function fenceOf(dir: string, domain: string, presentRunIds: readonly string[]): HostFence {
  const listLabelled = async () => presentRunIds.map((runId) => ({ runId }));
  const provider = { name: "process", fence: new BareMachine("process"), listLabelled } as unknown as NodeProvider;
  return new HostFence({
    host: "here",
    domain,
    fenceToken: (runId) => `${domain}-${runId}`,
    providers: new Map([["process", provider]]),
    machineFence: new LockFiles(dir),
  });
}

function nativeRun(runId: string): RunSpec {
  const run = sampleRun({ runId });
  return { ...run, environment: { ...run.environment, provider: "process" } };
}

/** As if another process, which has ended, had taken the mark. */
async function endOwner(dir: string): Promise<void> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
  const owner = identifyProcess(child.pid!);
  child.kill("SIGKILL");
  await once(child, "exit");
  const claim = readdirSync(dir).find((name) => name.endsWith(".claim.json")) ?? "";
  const content = JSON.parse(readFileSync(`${dir}/${claim}`, "utf8")) as object;
  writeFileSync(`${dir}/${claim}`, JSON.stringify({ ...content, owner }));
}

test("native nodes hold the machine for their run, and the mark of a dead worker without nodes holds up nobody", async () => {
  using temporary = new TempDir();
  const dir = temporary.join("locks");
  const [mine, theirs] = [nativeRun("mine-p1-r1-a1"), nativeRun("theirs-p1-r1-a1")];
  await fenceOf(dir, "theirs", []).take(theirs, DEADLINE_AT, TIMING, signal);
  const take = (presentRunIds: readonly string[]) =>
    fenceOf(dir, "mine", presentRunIds).take(mine, DEADLINE_AT, TIMING, signal);
  await expect(take([])).rejects.toMatchObject({ kind: "fenced" });
  await endOwner(dir);
  await expect(take([theirs.runId])).rejects.toMatchObject({ kind: "fenced" });
  await expect(take([])).resolves.toBeUndefined();
});
