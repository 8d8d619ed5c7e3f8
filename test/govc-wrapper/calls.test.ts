/** What goes to govc, and how long it may take. */

import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { FAKE_PASSWORD, FakeGovc } from "#test/support/fake-govc";

const VM = "VirtualMachine:vm-1";

/** Starts a process of its own, tells both ids, and never ends by itself. */
const HANGS = `sleep 1000 & echo "$$ $!" > "$STATE/pids.new"; mv "$STATE/pids.new" "$STATE/pids"; wait`;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

const hangingPids = (fake: FakeGovc) => readFileSync(join(fake.state, "pids"), "utf8").trim().split(" ").map(Number);

describe("a call that takes too long", () => {
  test("is killed with all it started, and its outcome is unknown", async () => {
    using fake = new FakeGovc({ "vm.power": HANGS });
    await using govc = await fake.open();
    await expect(govc.vm.power(VM, "on", { timeoutMs: 300 })).rejects.toMatchObject({
      kind: "unknown outcome",
      isRetryable: true,
      message: "vm.power: unknown outcome: no answer within 0.3 s",
    });
    await vi.waitFor(() => expect(hangingPids(fake).filter(isAlive)).toEqual([]));
  });

  test("is a linked clone like any other, which copies no disk", async () => {
    using fake = new FakeGovc({ "vm.clone": HANGS });
    await using govc = await fake.open({ timeoutMs: 300 });
    const clone = { source: VM, name: "n1", datastore: "Datastore:ds-1", isLinked: true } as const;
    await expect(govc.vm.clone(clone)).rejects.toMatchObject({ kind: "unknown outcome" });
  });

  test("leaves nothing unknown where it only reads", async () => {
    using fake = new FakeGovc({ "object.collect": HANGS });
    await using govc = await fake.open({ timeoutMs: 300 });
    await expect(govc.vm.list()).rejects.toMatchObject({ kind: "unreachable", isRetryable: true });
  });

  test("ends with its signal's reason, after its process has ended", async () => {
    using fake = new FakeGovc({ "vm.power": HANGS });
    await using govc = await fake.open();
    const cancellation = new AbortController();
    const power = govc.vm.power(VM, "on", { signal: cancellation.signal });
    await vi.waitFor(() => expect(existsSync(join(fake.state, "pids"))).toBe(true));
    cancellation.abort(new Error("cancelled by the test"));
    await expect(power).rejects.toThrow("cancelled by the test");
    expect(isAlive(hangingPids(fake)[0] ?? 0)).toBe(false);
  });

  test("never starts where its signal came before", async () => {
    using fake = new FakeGovc();
    await using govc = await fake.open();
    const signal = AbortSignal.abort(new Error("cancelled by the test"));
    await expect(govc.vm.power(VM, "on", { signal })).rejects.toThrow("cancelled by the test");
    expect(fake.commands()).not.toContain("vm.power");
  });
});

describe("what govc gets to know", () => {
  test("is the password by its environment alone, and nothing of ours", async () => {
    using fake = new FakeGovc();
    vi.stubEnv("GOVC_DEBUG", "true");
    vi.stubEnv("HTTPS_PROXY", "http://proxy.invalid");
    try {
      await using govc = await fake.open();
      await govc.vm.power(VM, "on", { operationId: "run-7" });
      const { args, env } = fake.lastCall();
      expect(args).toEqual(["vm.power", "-xml=true", "-on=true", "--", VM]);
      expect(env).toMatchObject({ GOVC_PASSWORD: FAKE_PASSWORD, GOVC_OPERATION_ID: "run-7" });
      expect(Object.keys(env)).not.toContain("GOVC_DEBUG");
      expect(Object.keys(env)).not.toContain("HTTPS_PROXY");
      expect(fake.calls().flatMap((call) => call.args)).not.toContain(FAKE_PASSWORD);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test("is no file that a password happens to name", async () => {
    using fake = new FakeGovc();
    writeFileSync(join(fake.state, "target"), "what the file says");
    await using govc = await fake.open({ password: "../state/target" });
    await govc.vm.power(VM, "on");
    const { cwd, env } = fake.lastCall();
    expect(readdirSync(cwd)).toEqual([]);
    const file = env["GOVC_PASSWORD"] ?? "";
    expect(readFileSync(file, "utf8")).toBe("../state/target");
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(env["GOVMOMI_HOME"] ?? "").mode & 0o777).toBe(0o700);
  });

  test("is the one certificate that was named", async () => {
    using fake = new FakeGovc();
    const thumbprint = Array.from({ length: 32 }, () => "ab").join(":");
    await using govc = await fake.open({ url: "https://ESXi.Invalid", tls: { thumbprint } });
    await govc.about().catch(() => undefined);
    const { env } = fake.lastCall();
    expect(env).not.toHaveProperty("GOVC_INSECURE");
    // govc compares the two as they are written.
    expect(env["GOVC_URL"]).toBe("https://esxi.invalid/");
    const knownHosts = readFileSync(env["GOVC_TLS_KNOWN_HOSTS"] ?? "", "utf8");
    expect(knownHosts).toBe(`esxi.invalid:443 ${thumbprint.toUpperCase()}\n`);
  });

  test("is gone when the connection is closed, and so is its session", async () => {
    using fake = new FakeGovc();
    const govc = await fake.open();
    await govc.vm.power(VM, "on");
    await govc.close();
    expect(fake.commands()).toEqual(["about", "vm.power", "session.logout"]);
    expect(existsSync(fake.calls()[0]?.env["GOVMOMI_HOME"] ?? "")).toBe(false);
    await expect(govc.vm.power(VM, "on")).rejects.toMatchObject({ kind: "usage" });
  });
});

describe("what there is", () => {
  test.for([
    [undefined, "/"],
    ["DC1", "/DC1"],
    ["/folder/DC1", "/folder/DC1"],
  ] as const)("of the datacenter %j is looked for below %s, by one call", async ([datacenter, root]) => {
    using fake = new FakeGovc();
    await using govc = await fake.open(datacenter === undefined ? {} : { datacenter });
    expect(await govc.vm.list()).toEqual([]);
    expect(await govc.inventory.networks()).toEqual([]);
    const calls = fake.calls().filter(({ args }) => args[0] !== "about");
    expect(calls.map(({ args }) => args[args.indexOf("--") + 1])).toEqual([root, root]);
  });
});

describe("the session", () => {
  const NOT_AUTHENTICATED = `echo '<Fault><detail><Fault _XMLSchema-instance:type="NotAuthenticated"/></detail></Fault>' >&2; exit 1`;
  const ENDED_ONCE = `mkdir "$STATE/ended" 2>/dev/null && { ${NOT_AUTHENTICATED}; }; true`;

  test("is opened by one call alone, however many come at once", async () => {
    using fake = new FakeGovc();
    await using govc = await fake.open();
    await Promise.all(Array.from({ length: 5 }, () => govc.vm.power(VM, "on")));
    expect(fake.commands()).toEqual(["about", ...Array.from({ length: 5 }, () => "vm.power")]);
  });

  test("is opened anew where it had ended, and the call repeated once", async () => {
    using fake = new FakeGovc({ "vm.power": ENDED_ONCE });
    await using govc = await fake.open();
    await govc.vm.power(VM, "on");
    expect(fake.commands()).toEqual(["about", "vm.power", "about", "vm.power"]);
  });

  test("that ends again and again is told", async () => {
    using fake = new FakeGovc({ "vm.destroy": NOT_AUTHENTICATED });
    await using govc = await fake.open();
    await expect(govc.vm.destroy(VM)).rejects.toMatchObject({ kind: "unauthenticated", isRetryable: true });
    expect(fake.commands()).toEqual(["about", "vm.destroy", "about", "vm.destroy"]);
  });

  test("that was refused is not asked for again until the host counts wrong passwords anew", async () => {
    const refused = `echo '<Fault><detail><Fault _XMLSchema-instance:type="InvalidLogin"/></detail></Fault>' >&2; exit 1`;
    using fake = new FakeGovc({ about: refused });
    const govc = await fake.open();
    const clock = vi.spyOn(performance, "now");
    try {
      for (const call of [() => govc.vm.power(VM, "on"), () => govc.vm.list(), () => govc.about()]) {
        await expect(call()).rejects.toMatchObject({
          kind: "login refused",
          message: expect.stringContaining("15 min"),
        });
      }
      expect(fake.commands()).toEqual(["about"]);
      clock.mockReturnValue(performance.now() + 15 * 60_000);
      await expect(govc.vm.list()).rejects.toMatchObject({ kind: "login refused" });
      await govc.close();
      expect(fake.commands()).toEqual(["about", "about"]);
    } finally {
      clock.mockRestore();
    }
  });

  test("is opened anew, but nothing repeated, where twice would not be as once", async () => {
    using fake = new FakeGovc({ "vm.power": ENDED_ONCE });
    await using govc = await fake.open();
    await expect(govc.vm.power(VM, "reset")).rejects.toMatchObject({ kind: "unauthenticated" });
    await govc.vm.power(VM, "reset");
    expect(fake.commands()).toEqual(["about", "vm.power", "about", "vm.power"]);
  });
});

describe("nothing is sent", () => {
  const BAD_URLS = [
    "ftp://esxi.invalid",
    "http://esxi.invalid",
    "esxi.invalid",
    "https://",
    "https://h/../",
    "https://root:canary-password@esxi.invalid",
    "https://esxi.invalid/?x=1",
    "https://esxi.invalid:99999",
    "https://esxi.invalid/sdk\n",
  ];
  test.for(BAD_URLS)("to %j", async (url) => {
    using fake = new FakeGovc();
    const opened = fake.open({ url });
    await expect(opened).rejects.toMatchObject({ kind: "usage" });
    await expect(opened).rejects.not.toThrow(FAKE_PASSWORD);
  });

  const HOSTILE_NAMES = ["", "-on", "a/b", "x-[ab]", "x*", "../x", ".", "a\nb", "$(id)", "a%2fb", "n".repeat(81)];
  test.for(HOSTILE_NAMES)("where a new VM is to be called %j", async (name) => {
    using fake = new FakeGovc();
    await using govc = await fake.open();
    const clone = { source: VM, name, datastore: "Datastore:ds-1", isLinked: true } as const;
    await expect(govc.vm.clone(clone)).rejects.toMatchObject({ kind: "usage" });
    expect(fake.calls()).toEqual([]);
  });

  test.for(["", "/", "..", "a/../..", "-r", "*", "x/[a]", "a/./b", "a\0b", "/etc"])("to the path %j", async (path) => {
    using fake = new FakeGovc();
    await using govc = await fake.open();
    await expect(govc.datastore.rm({ datastore: "Datastore:ds-1", path })).rejects.toMatchObject({ kind: "usage" });
    expect(fake.calls()).toEqual([]);
  });

  test.for(["", "vm-1", "-on", "VirtualMachine:", "Datastore:ds-1", "*"])("to %j as a VM", async (ref) => {
    using fake = new FakeGovc();
    await using govc = await fake.open();
    await expect(govc.vm.destroy(ref as "VirtualMachine:x")).rejects.toMatchObject({ kind: "usage" });
    expect(fake.calls()).toEqual([]);
  });

  test("with a key that is none", async () => {
    using fake = new FakeGovc();
    await using govc = await fake.open();
    await expect(govc.vm.change(VM, { extraConfig: { "a=b": "c" } })).rejects.toMatchObject({ kind: "usage" });
  });
});
