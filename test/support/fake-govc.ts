/** A `govc` that does what a test says, and keeps what it was called with. */

import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Govc } from "#govc-wrapper";
import type { GovcOptions } from "#govc-wrapper";
import { TempDir } from "#test/support/temp-dir";

interface FakeCall {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/**
 * Lines of shell by govc's commands; any other command ends with code 0 and no output. `$STATE` is a folder of the
 * fake's.
 */
type Answers = Readonly<Record<string, string>>;

export const FAKE_PASSWORD = "canary-password";

export class FakeGovc implements Disposable {
  readonly #dir = new TempDir();
  readonly path = this.#dir.join("govc");
  readonly state = this.#dir.join("state");

  constructor(answers: Answers = {}) {
    mkdirSync(this.#dir.join("calls"));
    mkdirSync(this.state);
    const cases = Object.entries(answers).map(([command, lines]) => `${command})\n${lines}\n;;\n`);
    writeFileSync(this.path, `${PREAMBLE(this.#dir.path)}\ncase "$1" in\n${cases.join("")}esac\n`);
    chmodSync(this.path, 0o755);
  }

  /** Of a connection that uses it. */
  get connectOptions(): GovcOptions {
    const login = { url: "https://esxi.invalid", username: "bench", password: FAKE_PASSWORD };
    return { ...login, govc: this.path, stateParent: this.#dir.path };
  }

  /** Nothing is logged in yet. */
  open(options: Partial<GovcOptions> = {}): Promise<Govc> {
    return Govc.open({ ...this.connectOptions, ...options });
  }

  /** In the order they came. */
  calls(): FakeCall[] {
    const names = readdirSync(this.#dir.join("calls")).toSorted();
    return names.map((name) => {
      const [head = "", environment = ""] = readFileSync(this.#dir.join("calls", name), "utf8").split("\0\n\0");
      const [cwd = "", ...args] = head.split("\0");
      const env = Object.fromEntries(environment.split("\0").map((entry) => entry.split(/=(.*)/s).slice(0, 2)));
      return { args, env, cwd };
    });
  }

  lastCall(): FakeCall {
    const call = this.calls().at(-1);
    if (!call) throw new Error("govc was never called");
    return call;
  }

  commands(): string[] {
    return this.calls().map(({ args }) => args[0] ?? "");
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }
}

const PREAMBLE = (folder: string) => `#!/bin/sh
call=$(date +%s%N).$$
{ printf '%s' "$PWD"; printf '\\0%s' "$@"; printf '\\0\\n\\0'; env -0; } > "${folder}/call.$call"
mv "${folder}/call.$call" "${folder}/calls/$call"
STATE=${folder}/state`;
