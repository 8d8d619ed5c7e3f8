import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { HostFence } from "#activities/fence/host-fence";
import type { FencedHost } from "#activities/fence/host-fence";
import { LockFiles } from "#activities/fence/lock-files";
import { proveHostClean } from "#activities/prove-host-clean";
import { FakeHost, FakeProvider } from "#test/support/fake-provider";
import { DEADLINE_AT } from "#test/support/host-harness";
import { sampleRun } from "#test/support/sample-run";
import { TempDir } from "#test/support/temp-dir";

const NEVER = new AbortController().signal;
const AT_ONCE = { fencePollMs: 1, fenceWaitMs: 0 };
const mine = sampleRun({ runId: "mine-p1-r1-a1" });
const theirs = sampleRun({ runId: "theirs-p1-r1-a1" });

class FakeEngineFence extends LockFiles {
  engineId(): Promise<string> {
    return Promise.resolve("the engine");
  }
}

/** A machine with one engine. */
class Machine implements Disposable {
  readonly dir = new TempDir();
  readonly #engine = new FakeHost();

  installation(domain: string, host = "here"): FencedHost & { provider: FakeProvider; engineFence: FakeEngineFence } {
    const engineFence = new FakeEngineFence(this.dir.join("engine"));
    const provider = Object.assign(new FakeProvider({ host: this.#engine, hostId: host }), { fence: engineFence });
    const machineFence = new LockFiles(this.dir.join("machine"));
    const fenceToken = (runId: string) => `${domain}-${runId}`;
    const providers = new Map([["docker", provider]]);
    return { host, domain, fenceToken, machineFence, engineFence, provider, providers };
  }

  /** As if the worker that took the machine had been killed. */
  forgetOwners(): void {
    const dir = this.dir.join("machine");
    for (const name of readdirSync(dir).filter((file) => file.endsWith(".json"))) {
      const claim = JSON.parse(readFileSync(join(dir, name), "utf8")) as object;
      writeFileSync(join(dir, name), JSON.stringify({ ...claim, owner: { pid: 2 ** 30, startTicks: 1 } }));
    }
  }

  marks(): string[] {
    return ["machine", "engine"].flatMap((dir) => readdirSync(this.dir.join(dir)));
  }

  [Symbol.dispose](): void {
    this.dir[Symbol.dispose]();
  }
}

const take = (installation: FencedHost, run: typeof mine) =>
  new HostFence(installation).take(run, DEADLINE_AT, AT_ONCE, NEVER);

test("of two installations one has the machine; the other fails as fenced, with who and until when, and leaves no mark", async () => {
  using machine = new Machine();
  const [a, b] = [machine.installation("a"), machine.installation("b", "elsewhere")];
  await take(a, mine);
  const before = machine.marks();
  const message = expect.stringMatching(/run mine-p1-r1-a1 of .*host here has this machine until 2126.*lock file/);
  await expect(take(b, theirs)).rejects.toMatchObject({ kind: "fenced", message, particulars: { host: "elsewhere" } });
  expect(machine.marks()).toEqual(before);
  await new HostFence(a).release(mine.runId);
  await take(b, theirs);
});

test("whoever waits gets the machine when it is given back", async () => {
  using machine = new Machine();
  const [a, b] = [machine.installation("a"), machine.installation("b")];
  await take(a, mine);
  const waiting = new HostFence(b).take(theirs, DEADLINE_AT, { fencePollMs: 1, fenceWaitMs: 5000 }, NEVER);
  await new HostFence(a).release(mine.runId);
  await waiting;
  await expect(new HostFence(a).check(mine)).rejects.toMatchObject({ kind: "fenced" });
});

test("a holder that lost either mark may not act", async () => {
  using machine = new Machine();
  const a = machine.installation("a");
  await take(a, mine);
  await new HostFence(a).check(mine);
  await a.engineFence.release(mine.runId);
  await expect(new HostFence(a).check(mine)).rejects.toMatchObject({ kind: "fenced" });
});

test("a run that waits in another installation sees in its proof who has the machine", async () => {
  using machine = new Machine();
  const b = { ...machine.installation("b"), askRunOutcome: () => Promise.resolve("unknown" as const), spoolDir: "" };
  await take(machine.installation("a"), mine);
  const { left } = await proveHostClean(b, { keptRunIds: [] });
  expect(left).toEqual([
    expect.stringContaining("fence lock file"),
    expect.stringContaining("of run mine-p1-r1-a1, deadline 2126"),
  ]);
});

test("marks whose worker and nodes are gone hold up nobody", async () => {
  using machine = new Machine();
  const [a, b] = [machine.installation("a"), machine.installation("b")];
  await take(a, mine);
  machine.forgetOwners();
  await take(b, theirs);
  expect(await new HostFence(a).list()).toMatchObject([{ runId: theirs.runId }, { runId: theirs.runId }]);
});

test("marks whose worker is gone hold as long as there is anything of the run", async () => {
  using machine = new Machine();
  const [a, b] = [machine.installation("a"), machine.installation("b")];
  await take(a, mine);
  await a.provider.ensureRun(mine, DEADLINE_AT, NEVER);
  machine.forgetOwners();
  await expect(take(b, theirs)).rejects.toMatchObject({ kind: "fenced" });
  await new HostFence(a).check(mine);
});
