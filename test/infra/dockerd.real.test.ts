import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openDockerEndpoint } from "#activities/providers/docker-endpoint";
import { dockerdService } from "#infra/engine/dockerd";
import { askEngine } from "#infra/engine/engine";
import { stopServices, superviseServices } from "#infra/supervisor/control";
import type { ServiceSpec } from "#infra/supervisor/service";
import { type Installation, locateInstallation } from "#worker/installation";
import { readLocalServices } from "#worker/local-services";

/**
 * A second engine, which shares nothing with the one that the machine has. In one network namespace they would share
 * docker0: an engine without a bridge removes it.
 */
const apart = (service: ServiceSpec): ServiceSpec => ({
  ...service,
  command: ["unshare", "--net", ...service.command],
});

let installation: Installation;
let socketPath: string;
beforeAll(() => {
  installation = locateInstallation({ MESHBENCH_HOME: mkdtempSync(join(tmpdir(), "meshbench-dockerd-")) });
  socketPath = join(installation.home, "docker.sock");
});
afterAll(async () => {
  await stopServices(installation);
  // A killed dockerd forgets the mount that it put on its data root.
  spawnSync("umount", [join(installation.home, "data")]);
  rmSync(installation.home, { recursive: true, force: true });
});

const ask = () => askEngine(openDockerEndpoint(`unix://${socketPath}`));

test("an engine of our own answers, comes back after SIGKILL, and down leaves nothing of it", async () => {
  const { home, runtimeDir, logsDir } = installation;
  const noNetwork = ["--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"];
  const service = dockerdService({
    runtimeDir,
    logsDir,
    socketPath,
    execRoot: join(home, "exec"),
    configFile: join(home, "none.json"),
    flags: [`--data-root=${home}/data`, ...noNetwork],
  });
  const bridges = bridgesHere();

  await superviseServices(installation, [apart(service)]);
  expect(await ask()).toMatchObject({ isRootless: false });
  expect(readlinkSync(`/proc/${enginePid()}/ns/net`)).not.toBe(readlinkSync("/proc/self/ns/net"));

  process.kill(enginePid(), "SIGKILL");
  await vi.waitFor(
    () => expect(readLocalServices(installation)!.services[0]).toMatchObject({ state: "running", restarts: 1 }),
    { timeout: 30_000, interval: 100 },
  );
  expect(await ask()).toMatchObject({ isRootless: false });

  await stopServices(installation);
  expect(commandLines().filter((line) => line.includes(home))).toEqual([]);
  expect(bridgesHere()).toEqual(bridges);
});

const enginePid = () => readLocalServices(installation)!.services[0]!.process!.pid;

/** The machine's own engine's; those of its runs come and go. */
const bridgesHere = () => readdirSync("/sys/class/net").filter((name) => name === "docker0");

function commandLines(): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ")];
      } catch {
        return []; // ended since it was listed
      }
    });
}
