/**
 * An installation of its own, used as a user would: through the CLI, with Temporal, a worker and real nodes. Its host has a
 * name of its own, so that what other installations run on the same engine is left alone, and all that is this one's found.
 */

import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { Client, Connection } from "@temporalio/client";
import Docker from "dockerode";
import { nodeImageDir, nodeTreeDigest } from "#activities/image/node-tree";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { ProcessProvider } from "#activities/providers/process";
import { readRunView, readSweepProgress } from "#cli/sweep-client";
import { LABEL, sweepWorkflowId } from "#model/ids";
import type { SweepDocument } from "#model/result-row";
import { locateLockDir } from "#worker/lock-dir";
import { locateInstallation } from "#worker/installation";
import { readLocalServices } from "#worker/local-services";
import type { LocalService } from "#worker/local-services";
import { runMeshbench, startMeshbench } from "#test/support/meshbench-command";
import type { CommandResult, RunningCommand } from "#test/support/meshbench-command";

const CHECKOUT = join(import.meta.dirname, "..", "..");
const POLL_MS = 200;
/** As hosts.yaml has it by default: native nodes where they can be made. */
const IS_ROOT = process.geteuid?.() === 0;

export interface HarnessOptions {
  /** Added to the environment of commands and services. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whose worker serves, instead of this checkout's; see `CheckoutCopy`. */
  readonly checkout?: string;
  /** Gets its home before anything is in it; what it answers is called once nothing of it runs. */
  readonly prepare?: (home: string) => () => void;
  /** Of hosts.yaml, over what tests need; `docker.endpoint` may be a proxy's. */
  readonly hosts?: {
    readonly endpoint?: string;
    readonly limits?: object;
    readonly guards?: object;
    /** The App that reports. */
    readonly github?: object;
    /** Further hosts by their ids: what they have beside a secret. */
    readonly others?: Readonly<Record<string, object>>;
  };
}

/** Two of them in one process are two installations. */
let harnessCount = 0;

export class InstallationHarness implements AsyncDisposable {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly hostId: string;
  readonly #started: RunningCommand[] = [];
  #undoPreparation: () => void = () => {};
  readonly #docker = new Docker(resolveDockerEndpoint().options);

  private constructor({ env = {} }: HarnessOptions) {
    this.home = mkdtempSync(join(tmpdir(), "meshbench-e2e-"));
    harnessCount += 1;
    this.hostId = `e2e-${process.pid}-${harnessCount}`;
    const { TEMPORAL_ADDRESS: _, TEMPORAL_NAMESPACE: __, ...inherited } = process.env;
    this.env = { ...inherited, ...env, MESHBENCH_HOME: this.home };
  }

  /** Temporal, a worker, and the host's file; the engine and the image have to be there. */
  static async up(options: HarnessOptions = {}): Promise<InstallationHarness> {
    const harness = new InstallationHarness(options);
    const { checkout = CHECKOUT, hosts, prepare } = options;
    harness.#undoPreparation = prepare?.(harness.home) ?? harness.#undoPreparation;
    harness.#writeHostsFile(hosts);
    const cli = join(checkout, "cli", "main.ts");
    try {
      await promisify(execFile)(process.execPath, [cli, "up"], { env: harness.env });
      return harness;
    } catch (error) {
      await harness.#removeAll();
      throw error;
    }
  }

  /** What all passwords of its runs are derived from. */
  get hostSecret(): string {
    return readFileSync(join(this.home, "secrets", "host-local"), "utf8").trim();
  }

  /** @throws With what it said, where it ends with another exit code. @returns What it printed. */
  async expectExit(exitCode: number, ...args: readonly string[]): Promise<CommandResult> {
    const result = await this.run(...args);
    if (result.exitCode === exitCode) return result;
    throw new Error(`meshbench ${args.join(" ")}: exit ${result.exitCode}\n${result.stdout}\n${result.stderr}`);
  }

  run(...args: readonly string[]): Promise<CommandResult> {
    return runMeshbench(args, this.env);
  }

  start(...args: readonly string[]): RunningCommand {
    const command = startMeshbench(args, this.env);
    this.#started.push(command);
    return command;
  }

  /** A spec for this installation's host: two small nodes, two seconds, one repetition, unless `rest` says otherwise. */
  writeSpec(name: string, rest: Readonly<Record<string, unknown>> = {}): string {
    const environment = { provider: "docker", host: this.hostId, cpus: 1, memory: "512MiB" };
    const path = join(this.home, `${name}.yaml`);
    const spec = {
      version: 1,
      name,
      environments: { containers: environment },
      nodes: 2,
      rate: 6000,
      duration: "2s",
      warmup: "0s",
      repetitions: 1,
      ...rest,
    };
    writeFileSync(path, JSON.stringify(spec, null, 2)); // which is YAML
    return path;
  }

  environment(): object {
    return { provider: "docker", host: this.hostId, cpus: 1, memory: "512MiB" };
  }

  service(name: string): LocalService & { readonly pid: number } {
    const service = this.#services().find((each) => each.name === name);
    if (!service?.process) throw new Error(`no ${name} runs`);
    return { ...service, pid: service.process.pid };
  }

  /** Ends a service, which is started again once `meanwhile` is over. @param signal - To its process alone. */
  async killService(
    name: string,
    meanwhile: () => Promise<unknown>,
    signal: NodeJS.Signals = "SIGKILL",
  ): Promise<void> {
    const supervisor = readLocalServices(locateInstallation(this.env))?.supervisor;
    if (!supervisor) throw new Error("no supervisor runs");
    process.kill(supervisor.pid, "SIGSTOP");
    try {
      process.kill(this.service(name).pid, signal);
      await meanwhile();
    } finally {
      process.kill(supervisor.pid, "SIGCONT");
    }
  }

  /** Ends services, all at once, and waits until the supervisor has started each anew. */
  async restartServices(...names: string[]): Promise<void> {
    const before = names.map((name) => this.service(name));
    for (const name of names) await this.killService(name, () => Promise.resolve());
    for (const { name, restarts } of before) {
      await until(`the next ${name} runs`, 60, () => {
        const next = this.#services().find((service) => service.name === name);
        return next?.process !== undefined && next.restarts > restarts;
      });
    }
  }

  #services(): readonly LocalService[] {
    return readLocalServices(locateInstallation(this.env))?.services ?? [];
  }

  /** Until the sweep's run is in its main loop and has inserted something. Other installations' runs may have to end first. */
  async untilMainLoop(sweepId: string, limitSec = 120): Promise<void> {
    await this.withClient((client) =>
      until(`${sweepId} is in its main loop`, limitSec, async () => {
        const { currentRunId } = await readSweepProgress(client, sweepId);
        const view = currentRunId === undefined ? undefined : await readRunView(client, currentRunId);
        return view?.run.step === "main" && (view.progress?.tuples ?? 0) > 0;
      }),
    );
  }

  /** As an operator can in Temporal's own tools. */
  async terminate(sweepId: string, reason: string): Promise<void> {
    await this.withClient((client) => client.workflow.getHandle(sweepWorkflowId(sweepId)).terminate(reason));
  }

  /** @returns A line for each node, network and lock file of this installation's runs, whatever their state. */
  async resources(): Promise<string[]> {
    const { containers, networks } = await this.#listDocker();
    return [
      ...containers.map(({ Names }) => `container ${Names[0]}`),
      ...networks.map(({ Name }) => `network ${Name}`),
      ...(await this.#listNative()),
      ...this.#lockFiles(),
    ];
  }

  /** Whatever was started with this home, directly or not, a line each. */
  processes(): string[] {
    return readdirSync("/proc").flatMap((pid) => {
      if (!/^\d+$/.test(pid)) return [];
      try {
        const environ = readFileSync(`/proc/${pid}/environ`, "latin1");
        return environ.includes(`MESHBENCH_HOME=${this.home}\0`) ? [`process ${pid}`] : [];
      } catch {
        return []; // ended since, or a kernel thread
      }
    });
  }

  /** What waits to be fetched or stored, a line each: nothing once all runs have ended. */
  transitFiles(): string[] {
    const spools = this.#filesIn("spool").flatMap((host) => this.#filesIn(host));
    return [...spools, ...this.#filesIn(join("results", "incoming"))];
  }

  async withClient<Result>(work: (client: Client) => Promise<Result>): Promise<Result> {
    const connection = await Connection.connect({ address: this.service("temporal").address ?? "" });
    try {
      return await work(new Client({ connection }));
    } finally {
      await connection.close();
    }
  }

  /** @throws Where anything of it is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#endWhatFailedTestsLeft();
      await this.expectExit(0, "down");
      const left = [...(await this.resources()), ...this.processes(), ...this.#filesIn("run"), ...this.transitFiles()];
      if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
    } finally {
      await this.#removeAll();
    }
  }

  async #removeAll(): Promise<void> {
    if (readLocalServices(locateInstallation(this.env))) await this.run("down", "--force");
    await this.#freeMachine();
    this.#undoPreparation();
    rmSync(this.home, { recursive: true, force: true });
  }

  async #listDocker() {
    const filters = { label: [`${LABEL.host}=${this.hostId}`] };
    const [containers, networks] = await Promise.all([
      this.#docker.listContainers({ all: true, filters }),
      this.#docker.listNetworks({ filters }),
    ]);
    return { containers, networks };
  }

  async #listNative(): Promise<string[]> {
    if (!IS_ROOT) return [];
    const imageDir = nodeImageDir(locateInstallation(this.env).cache);
    const native = new ProcessProvider({ hostId: this.hostId, imageDir, imageDigest: nodeTreeDigest });
    const labelled = await native.listLabelled();
    return labelled.filter(({ host }) => host === this.hostId).map(({ kind, name }) => `${kind} ${name}`);
  }

  #lockFiles(): string[] {
    const dir = locateLockDir();
    const claims = readdirSync(dir).filter((name) => name.endsWith(".claim.json"));
    return claims.map((name) => join(dir, name)).filter((path) => readFileSync(path, "utf8").includes(this.hostId));
  }

  /** Everybody on this machine would wait for what is left, until its deadline. */
  async #freeMachine(): Promise<void> {
    const { containers, networks } = await this.#listDocker();
    for (const { Id } of containers) await this.#docker.getContainer(Id).remove({ force: true });
    for (const { Id } of networks) await this.#docker.getNetwork(Id).remove();
    for (const path of this.#lockFiles()) {
      for (const file of [path, path.replace(/claim\.json$/, "held")]) rmSync(file, { force: true });
    }
  }

  /** Or their runs would keep the machine until their deadlines. */
  async #endWhatFailedTestsLeft(): Promise<void> {
    for (const command of this.#started) command.kill("SIGKILL");
    const { stdout } = await this.expectExit(0, "list", "--json");
    const sweeps = JSON.parse(stdout) as { sweep_id: string; status: SweepDocument["status"] }[];
    for (const { sweep_id: sweepId, status } of sweeps) {
      if (status !== "OPEN") continue;
      await this.run("cancel", sweepId);
      await this.run("watch", sweepId);
    }
  }

  #writeHostsFile(options: HarnessOptions["hosts"] = {}): void {
    const { endpoint = resolveDockerEndpoint().url, limits, guards, github, others = {} } = options;
    mkdirSync(this.home, { recursive: true, mode: 0o700 });
    const native = IS_ROOT && { process: {} };
    const secret = { secret_file: "secrets/host-local" };
    const hosts = {
      [this.hostId]: { ...secret, docker: { endpoint }, ...native },
      ...Object.fromEntries(Object.entries(others).map(([id, settings]) => [id, { ...secret, ...settings }])),
    };
    const file = {
      hosts,
      // Tests share their machine with others, which is not what they are about.
      guards: { foreign_cpu_pct: 100, ...guards },
      ...(limits && { limits }),
      ...(github && { github }),
    };
    writeFileSync(join(this.home, "hosts.yaml"), JSON.stringify(file), { mode: 0o600 });
  }

  #filesIn(dir: string): string[] {
    try {
      return readdirSync(join(this.home, dir)).map((name) => join(dir, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return [];
    }
  }
}

/** What `run`, `watch` and `status` print with `--json`. */
export const parseSweep = ({ stdout }: CommandResult): SweepDocument => JSON.parse(stdout) as SweepDocument;

/** @throws After the limit; what the last look failed with, if it did. */
export async function until(what: string, limitSec: number, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + limitSec * 1000;
  let lastError: unknown;
  while (performance.now() < deadline) {
    try {
      if (await isSo()) return;
    } catch (error) {
      lastError = error; // such as a sweep that has not begun
    }
    await delay(POLL_MS);
  }
  throw new Error(`not within ${limitSec} s: ${what}`, { cause: lastError });
}
