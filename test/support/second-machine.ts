/**
 * A machine beside this one, as far as its network and its engine go: a network namespace with a Docker engine of its own,
 * and a link between the two. Addresses of nodes there lead nowhere from here, and the other way round.
 */

import { execFileSync, spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { dockerdService } from "#infra/engine/dockerd";
import { stopServices, superviseServices } from "#infra/supervisor/control";
import { locateInstallation } from "#worker/installation";
import type { Installation } from "#worker/installation";
import { until } from "#test/support/installation-harness";

const HERE = { device: "mb-here", address: "169.254.78.1" };
const THERE = { device: "mb-there", address: "169.254.78.2" };

export class SecondMachine implements AsyncDisposable {
  readonly docker: Docker;
  readonly endpoint: string;
  /** What a program is started with to run there: it becomes the program. */
  readonly within: readonly string[];
  readonly #installation: Installation;
  readonly #namespace: ChildProcess;
  readonly #tunnels: Server[] = [];

  private constructor(installation: Installation, namespace: ChildProcess) {
    const socketPath = socketOf(installation);
    this.docker = new Docker({ socketPath });
    this.endpoint = `unix://${socketPath}`;
    // Not `ip netns exec`, which mounts a /sys without cgroups.
    this.within = ["nsenter", "--target", String(namespace.pid), "--net"];
    this.#installation = installation;
    this.#namespace = namespace;
  }

  static async start(): Promise<SecondMachine> {
    const home = mkdtempSync(join(tmpdir(), "meshbench-second-"));
    const installation = locateInstallation({ MESHBENCH_HOME: home });
    const machine = new SecondMachine(installation, await openNamespace());
    try {
      machine.#link();
      await machine.#startEngine();
      return machine;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** As `docker save | docker load` would: the image keeps its id. */
  async takeImage(from: Docker, tag: string): Promise<void> {
    const progress = await this.docker.loadImage(await from.getImage(tag).get());
    await new Promise<void>((resolve, reject) => {
      this.docker.modem.followProgress(progress, (error) => (error ? reject(error) : resolve()));
    });
  }

  /**
   * As `ssh -L` would: what listens on loopback here is reached from there.
   * @returns Its address there.
   */
  async tunnel(address: string): Promise<string> {
    const port = Number(address.slice(address.lastIndexOf(":") + 1));
    const tunnel = createServer((there) => {
      const here = connect({ host: "127.0.0.1", port });
      for (const end of [there, here]) end.on("error", () => [there, here].forEach((each) => each.destroy()));
      there.pipe(here).pipe(there);
    });
    this.#tunnels.push(tunnel);
    await once(tunnel.listen(0, HERE.address), "listening");
    return `${HERE.address}:${(tunnel.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const tunnel of this.#tunnels) tunnel.close();
    await stopServices(this.#installation);
    this.#namespace.kill("SIGKILL"); // and the link with it
    const { home } = this.#installation;
    // A killed dockerd forgets the mount that it put on its data root.
    spawnSync("umount", [join(home, "data")]);
    rmSync(home, { recursive: true, force: true });
  }

  #link(): void {
    const pid = String(this.#namespace.pid);
    spawnSync("ip", ["link", "delete", HERE.device]); // of a test that was killed
    for (const [program = "", ...args] of [
      ["ip", "link", "add", HERE.device, "type", "veth", "peer", "name", THERE.device, "netns", pid],
      ["ip", "address", "add", `${HERE.address}/30`, "dev", HERE.device],
      ["ip", "link", "set", HERE.device, "up"],
      [...this.within, "ip", "link", "set", "lo", "up"],
      [...this.within, "ip", "address", "add", `${THERE.address}/30`, "dev", THERE.device],
      [...this.within, "ip", "link", "set", THERE.device, "up"],
    ]) {
      execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    }
  }

  async #startEngine(): Promise<void> {
    const { home, runtimeDir, logsDir } = this.#installation;
    const service = dockerdService({
      runtimeDir,
      logsDir,
      socketPath: socketOf(this.#installation),
      execRoot: join(home, "exec"),
      configFile: join(home, "none.json"),
      flags: [`--data-root=${join(home, "data")}`, "--cgroup-parent=/meshbench-second"],
    });
    const [program = "", ...rest] = this.within;
    await superviseServices(this.#installation, [{ ...service, command: [program, ...rest, ...service.command] }]);
  }
}

const socketOf = ({ home }: Installation): string => join(home, "docker.sock");

/** Lives as long as a process in it. */
async function openNamespace(): Promise<ChildProcess> {
  const holder = spawn("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
  const here = readlinkSync("/proc/self/ns/net");
  await until("there is a network namespace", 5, () => readlinkSync(`/proc/${holder.pid}/ns/net`) !== here);
  return holder;
}
