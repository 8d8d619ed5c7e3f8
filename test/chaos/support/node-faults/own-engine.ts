/**
 * A Docker engine that may be killed, hung and starved: with a socket, data and a network namespace of its own, so that the
 * machine's engine, if it has one, never notices. The worker stays where it is, and reaches the nodes over a link.
 */

import { execFileSync, spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { dockerdService } from "#infra/engine/dockerd";
import { stopServices, superviseServices } from "#infra/supervisor/control";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";
import { readLocalServices } from "#worker/local-services";
import { until } from "#test/support/installation-harness";

/** Around 198.18.0.0/15, and wider: a route of that size would say that the addresses of nodes are taken. */
const AROUND_NODES = "198.16.0.0/14";
const HERE = { name: "chaos-here", address: "169.254.77.1" };
const THERE = { name: "chaos-there", address: "169.254.77.2" };

export class OwnEngine implements AsyncDisposable {
  readonly docker: Docker;
  /** For `DOCKER_HOST`. */
  readonly url: string;
  readonly #installation: Installation;
  readonly #namespace: ChildProcess;

  private constructor(installation: Installation, namespace: ChildProcess) {
    this.#installation = installation;
    this.#namespace = namespace;
    const socketPath = socketOf(installation);
    this.docker = new Docker({ socketPath });
    this.url = `unix://${socketPath}`;
  }

  /** @param flags - Of dockerd. A supervisor starts it again when it dies. */
  static async start(flags: readonly string[] = []): Promise<OwnEngine> {
    const home = mkdtempSync(join(tmpdir(), "meshbench-engine-"));
    const installation = locateInstallation({ MESHBENCH_HOME: home });
    const namespace = await openNamespace();
    const engine = new OwnEngine(installation, namespace);
    try {
      linkNamespace(namespace.pid ?? 0);
      await engine.#superviseIn(namespace.pid ?? 0, flags);
      return engine;
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  get pid(): number {
    const pid = this.#service?.process?.pid;
    if (pid === undefined) throw new Error("the engine does not run");
    return pid;
  }

  get restarts(): number {
    return this.#service?.restarts ?? 0;
  }

  /** Ends it, and returns once its successor answers. */
  async restartBy(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const before = this.restarts;
    process.kill(this.pid, signal);
    await until("the engine is back", 60, () => this.restarts > before && this.#service?.state === "running");
  }

  /** It takes calls, and answers none. */
  async hangFor(meanwhile: () => Promise<unknown>): Promise<void> {
    const { pid } = this;
    process.kill(pid, "SIGSTOP");
    try {
      await meanwhile();
    } finally {
      process.kill(pid, "SIGCONT");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stopServices(this.#installation);
    this.#namespace.kill("SIGKILL"); // and its end of the link with it
    const { home } = this.#installation;
    // A killed dockerd forgets the mount that it put on its data root.
    spawnSync("umount", [join(home, "data")]);
    rmSync(home, { recursive: true, force: true });
  }

  get #service() {
    return readLocalServices(this.#installation)?.services[0];
  }

  async #superviseIn(namespacePid: number, flags: readonly string[]): Promise<void> {
    const { home, runtimeDir, logsDir } = this.#installation;
    const service = dockerdService({
      runtimeDir,
      logsDir,
      socketPath: socketOf(this.#installation),
      execRoot: join(home, "exec"),
      configFile: join(home, "none.json"),
      // Its own rules would keep everybody out that is not in its namespace.
      flags: [`--data-root=${join(home, "data")}`, "--bridge=none", "--iptables=false", ...flags],
    });
    const command = [...inNamespace(namespacePid), ...service.command] as const;
    await superviseServices(this.#installation, [{ ...service, command }]);
  }
}

const socketOf = ({ home }: Installation): string => join(home, "docker.sock");
const inNamespace = (pid: number) => ["nsenter", "--target", String(pid), "--net"] as const;

/** Lives as long as a process in it. */
async function openNamespace(): Promise<ChildProcess> {
  const holder = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
  const here = readlinkSync("/proc/self/ns/net");
  await until("there is a network namespace", 5, () => readlinkSync(`/proc/${holder.pid}/ns/net`) !== here);
  return holder;
}

/** Nodes have no route out of their network: whoever comes over the link looks to them like their gateway. */
function linkNamespace(pid: number): void {
  const there = inNamespace(pid);
  const masquerade = `ip saddr ${HERE.address} masquerade`;
  const commands: readonly (readonly string[])[] = [
    ["ip", "link", "add", HERE.name, "type", "veth", "peer", "name", THERE.name, "netns", String(pid)],
    ["ip", "address", "add", `${HERE.address}/30`, "dev", HERE.name],
    ["ip", "link", "set", HERE.name, "up"],
    [...there, "ip", "link", "set", "lo", "up"],
    [...there, "ip", "address", "add", `${THERE.address}/30`, "dev", THERE.name],
    [...there, "ip", "link", "set", THERE.name, "up"],
    [...there, "ip", "route", "add", "default", "via", HERE.address],
    [...there, "sysctl", "--quiet", "--write", "net.ipv4.ip_forward=1"],
    [...there, "nft", "add", "table", "ip", "chaos"],
    [...there, "nft", "add", "chain", "ip", "chaos", "out", "{ type nat hook postrouting priority srcnat; }"],
    [...there, "nft", "add", "rule", "ip", "chaos", "out", masquerade],
    ["ip", "route", "add", AROUND_NODES, "via", THERE.address],
  ];
  for (const [program = "", ...args] of commands) execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
}
