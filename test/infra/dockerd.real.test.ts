import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openDockerEndpoint } from "#activities/providers/docker-endpoint";
import { dockerdService } from "#infra/engine/dockerd";
import { askEngine } from "#infra/engine/engine";
import { stopServices, superviseServices } from "#infra/supervisor/control";
import { type Installation, locateInstallation } from "#worker/installation";
import { readLocalServices } from "#worker/local-services";

/** A second engine, which shares nothing with the one that the machine has. */
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

  await superviseServices(installation, [service]);
  expect(await ask()).toMatchObject({ isRootless: false });

  process.kill(readLocalServices(installation)!.services[0]!.process!.pid, "SIGKILL");
  await vi.waitFor(
    () => expect(readLocalServices(installation)!.services[0]).toMatchObject({ state: "running", restarts: 1 }),
    { timeout: 30_000, interval: 100 },
  );
  expect(await ask()).toMatchObject({ isRootless: false });

  await stopServices(installation);
  expect(commandLines().filter((line) => line.includes(home))).toEqual([]);
});

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
