/** One node of a run as its engine has it, and what can befall it from outside: past all of Meshbench. */

import type Docker from "dockerode";
import pRetry from "p-retry";
import { LABEL } from "#model/ids";
import { NodeFirewall } from "#test/chaos/support/node-faults/node-firewall";

const DATABASE = "mariadbd";
const PROGRAM = "/usr/local/bin/node";

interface Listing {
  readonly Processes: readonly [pid: string, commandLine: string][];
}

export class EmulatedNode {
  readonly index: number;
  /** Of PID 1, on this machine. */
  readonly pid: number;
  readonly address: string;
  readonly #container: Docker.Container;

  private constructor(container: Docker.Container, { State, Config, NetworkSettings }: Docker.ContainerInspectInfo) {
    this.#container = container;
    this.pid = State.Pid;
    this.index = Number(Config.Labels[LABEL.node]);
    this.address = Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? "";
  }

  /** @param container - One that runs. */
  static async open(container: Docker.Container): Promise<EmulatedNode> {
    return new EmulatedNode(container, await container.inspect());
  }

  firewall(): NodeFirewall {
    return new NodeFirewall(this.pid);
  }

  async killDatabase(): Promise<void> {
    process.kill(await this.pidOf(DATABASE), "SIGKILL");
  }

  /** Its database goes on. */
  async stopProgram(): Promise<void> {
    process.kill(await this.pidOf(PROGRAM), "SIGSTOP");
  }

  remove(): Promise<void> {
    return this.#container.remove({ force: true, v: true });
  }

  /** As `docker kill` does. */
  kill(): Promise<void> {
    return this.#container.kill({ signal: "SIGKILL" });
  }

  /** On version 1 of cgroups a busy container cannot always be frozen at once. */
  pause(): Promise<void> {
    return pRetry(() => this.#container.pause(), { retries: 20, minTimeout: 50, factor: 1 });
  }

  unpause(): Promise<void> {
    return this.#container.unpause();
  }

  /** On this machine; waits a moment for one that is just being started. */
  pidOf(program: string): Promise<number> {
    return pRetry(
      async () => {
        const { Processes } = (await this.#container.top({ ps_args: "-eo pid,args" })) as Listing;
        const found = Processes.find(([, commandLine]) => commandLine.split(" ")[0]?.endsWith(program));
        if (!found) throw new Error(`no ${program} runs in node ${this.index}`);
        return Number(found[0]);
      },
      { retries: 40, minTimeout: 50, factor: 1 },
    );
  }

  /** As root of its database. @returns What it printed, a line for each row. */
  query(sql: string): Promise<string> {
    return this.execute("mariadb", "--database=meshbench", "--batch", "--skip-column-names", "--execute", sql);
  }

  /** Runs a program in it, as root. @returns What it printed. @throws Where it ends with another exit code than 0. */
  async execute(...command: readonly string[]): Promise<string> {
    const exec = await this.#container.exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true, Tty: true });
    const stream = await exec.start({ Tty: true });
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    const output = Buffer.concat(chunks).toString("utf8").replaceAll("\r\n", "\n").trim();
    const { ExitCode } = await exec.inspect();
    if (ExitCode !== 0) throw new Error(`${command.join(" ")} in node ${this.index}: exit ${ExitCode}\n${output}`);
    return output;
  }
}
