import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test, vi } from "vitest";
import { identifyProcess } from "#activities/process-identity";
import { findProgram, runCommand, showCommand } from "#infra/console/commands";

test("a command's output comes back and is shown line by line", async () => {
  const shown: string[] = [];
  const step = { detail: (line: string) => void shown.push(line) };
  expect(await runCommand("bash", ["-c", "echo one; echo two >&2; echo three"], { step })).toBe("one\nthree");
  expect(shown.toSorted()).toEqual(["one", "three", "two"]);
});

test("a command that fails is quoted with its last lines", async () => {
  await expect(runCommand("bash", ["-c", "echo no such thing >&2; exit 7"])).rejects.toThrow(
    "bash -c 'echo no such thing >&2; exit 7': exit 7\n  no such thing",
  );
});

test("a command that takes too long is ended", async () => {
  await expect(runCommand("sleep", ["60"], { limitSec: 0.1 })).rejects.toThrow("sleep 60: took over 0.1 s");
});

test("a script that is terminated takes along all that its program has started", async () => {
  const script = `
    import { runCommand } from "#infra/console/commands";
    const step = { detail: (line) => process.stdout.write(line + "\\n") };
    await runCommand("bash", ["-c", "sleep 60 & echo $!; wait"], { step, ownGroup: true });`;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", script], { stdio: "pipe" });
  const closed = once(child, "close");
  const [sleepPid] = (await once(child.stdout, "data")) as [Buffer];
  child.kill("SIGTERM");
  expect(await closed).toEqual([null, "SIGTERM"]);
  await vi.waitFor(() => expect(identifyProcess(Number(sleepPid))).toBeUndefined());
});

test("a program that is not installed is named", async () => {
  await expect(runCommand("no-such-program", [])).rejects.toThrow("no-such-program: spawn no-such-program ENOENT");
  expect(findProgram("no-such-program")).toBeUndefined();
});

test("system programs are found without being on the PATH", () => {
  expect(findProgram("useradd", { PATH: "/nowhere" })).toBe("/usr/sbin/useradd");
});

test("a shown command can be pasted into a shell", async () => {
  const words = ["it's", "a b", "$HOME", "plain-1.2"];
  expect(await runCommand("bash", ["-c", showCommand("printf", ["%s\\n", ...words])])).toBe(words.join("\n"));
});
