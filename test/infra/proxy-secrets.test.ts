import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type Docker from "dockerode";
import type { ContainerCreateOptions } from "dockerode";
import { extract } from "tar-stream";
import { afterEach, expect, test, vi } from "vitest";
import { buildInDebianContainer } from "#infra/node-image/debian-container";
import { TempDir } from "#test/support/temp-dir";

const PROXY = "http://user:canary@proxy.test:3128";
const RECIPE = join(import.meta.dirname, "..", "..", "infra", "node-image", "rootfs.sh");

afterEach(() => vi.unstubAllEnvs());

test("the container that unpacks packages gets a proxy's password in a file of root's", async () => {
  vi.stubEnv("HTTP_PROXY", PROXY);
  vi.stubEnv("no_proxy", "mirror.test");
  using dir = new TempDir();
  writeFileSync(dir.join("schema.sql"), "");
  const engine = new FakeEngine();
  const build = { docker: engine as unknown as Docker, made: dir.join("rootfs.tar"), schema: dir.join("schema.sql") };
  await expect(buildInDebianContainer(build, { detail: () => {} })).rejects.toThrow("far enough");
  expect(JSON.stringify(engine.options)).not.toContain("canary");
  expect(engine.options?.Env).toContain("no_proxy=mirror.test");
  const file = engine.files.get("etc/apt/apt.conf.d/80meshbench-proxy");
  expect(file).toEqual({ mode: 0o600, content: `Acquire::http::Proxy "${PROXY}";\n` });
});

/** Takes what a container is made of, and goes no further. */
class FakeEngine {
  options: ContainerCreateOptions | undefined;
  readonly files = new Map<string, { mode: number | undefined; content: string }>();

  getImage = () => ({ inspect: async () => ({}) });

  createContainer = async (options: ContainerCreateOptions) => {
    this.options = options;
    return {
      putArchive: async (archive: NodeJS.ReadableStream) => {
        for await (const entry of archive.pipe(extract())) {
          this.files.set(entry.header.name, { mode: entry.header.mode, content: await text(entry) });
        }
      },
      attach: () => Promise.reject(new Error("far enough")),
      remove: async () => {},
    };
  };
}

test("mmdebstrap gets a proxy's password in its environment, not in the process list or the tree", () => {
  using dir = new TempDir();
  fakeProgram(dir.join("apt-config"), `[[ $3 != Acquire::http::Proxy ]] || echo "proxy='${PROXY}'"`);
  fakeProgram(dir.join("apt-get"), "");
  fakeProgram(dir.join("mmdebstrap"), `echo "$@" >${dir.join("argv")}; echo "$http_proxy" >${dir.join("env")}; exit 7`);
  const env = { PATH: `${dir.path}:${process.env["PATH"]}` };
  const { status } = spawnSync(RECIPE, [dir.join("out.tar"), dir.join("schema.sql")], { env });
  expect(status).toBe(7);
  expect(readFileSync(dir.join("argv"), "utf8")).not.toContain("canary");
  expect(readFileSync(dir.join("env"), "utf8").trim()).toBe(PROXY);
});

function fakeProgram(path: string, script: string): void {
  writeFileSync(path, `#!/bin/bash\n${script}\n`);
  chmodSync(path, 0o755);
}
