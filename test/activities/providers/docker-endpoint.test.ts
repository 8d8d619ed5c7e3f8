import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { explainDockerError, openDockerEndpoint, resolveDockerEndpoint } from "#activities/providers/docker-endpoint";
import { InputError, UnavailableError } from "#model/errors";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "meshbench-endpoint-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("expected it to throw");
}

describe("resolveDockerEndpoint", () => {
  test("takes the socket that DOCKER_HOST names", () => {
    const socketPath = join(dir, "engine.sock");
    writeFileSync(socketPath, "");
    expect(resolveDockerEndpoint({ DOCKER_HOST: `unix://${socketPath}` })).toEqual({
      url: `unix://${socketPath}`,
      options: { socketPath },
    });
  });

  test.for(["tcp://h:2375", "http://h:2375", "tcp://h:2376", "tcp://h"])("refuses plain TCP: %s", (value) => {
    const error = caught(() => resolveDockerEndpoint({ DOCKER_HOST: value }));
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toContain(`error: DOCKER_HOST: got "${value}"; plain TCP`);
  });

  test.for(["/var/run/docker.sock", "ssh://host", "unix://relative", "unix://", "nonsense"])(
    "refuses what is no endpoint: %s",
    (value) => {
      expect(caught(() => resolveDockerEndpoint({ DOCKER_HOST: value }))).toBeInstanceOf(InputError);
    },
  );

  test("never echoes a password in an endpoint", () => {
    const error = caught(() => resolveDockerEndpoint({ DOCKER_HOST: "tcp://me:s3cret@h:2375" })) as Error;
    expect(error.message).not.toContain("s3cret");
  });

  test("says path, errno and hint for a socket that is missing", () => {
    const error = caught(() => resolveDockerEndpoint({ DOCKER_HOST: `unix://${dir}/none.sock` }));
    expect(error).toBeInstanceOf(UnavailableError);
    expect(error).toMatchObject({
      message: `Docker engine at ${dir}/none.sock: ENOENT`,
      hint: expect.stringContaining("meshbench up"),
    });
  });

  test("reads the client's certificates for TLS", () => {
    for (const name of ["ca.pem", "cert.pem", "key.pem"]) writeFileSync(join(dir, name), name);
    chmodSync(join(dir, "key.pem"), 0o600);
    const env = { DOCKER_HOST: "tcp://engine.test:2376", DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: dir };
    expect(resolveDockerEndpoint(env).options).toEqual({
      protocol: "https",
      host: "engine.test",
      port: 2376,
      ca: "ca.pem",
      cert: "cert.pem",
      key: "key.pem",
    });
  });
});

test("names the operator's setting when the endpoint comes from hosts.yaml", () => {
  const error = caught(() => openDockerEndpoint("tcp://h:2375", { env: {}, field: "hosts.local.docker.endpoint" }));
  expect((error as Error).message).toContain("error: hosts.local.docker.endpoint: got");
});

test("tells the docker group to a user who may not use the socket", () => {
  const refused = Object.assign(new Error("connect EACCES"), { code: "EACCES" });
  expect(explainDockerError(refused, "unix:///var/run/docker.sock")).toMatchObject({
    message: "Docker engine at /var/run/docker.sock: EACCES",
    hint: expect.stringContaining("usermod -aG docker"),
  });
});
