import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { Client } from "@temporalio/client";
import type { TestWorkflowEnvironment } from "@temporalio/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UnavailableError } from "#model/errors";
import { SEARCH_ATTRIBUTES } from "#model/search-attributes";
import {
  connectClient,
  ensureSearchAttributes,
  isServerUnreachable,
  isTooOld,
  listSearchAttributes,
} from "#worker/temporal-connection";
import { startTemporal } from "#test/support/temporal";

/** What a user waits for an answer at most. */
const PATIENCE_MS = 10_000;

let env: TestWorkflowEnvironment;
beforeAll(async () => {
  env = await startTemporal();
});
const servers: Server[] = [];
afterAll(async () => {
  for (const server of servers) server.close();
  await env.teardown();
});

const settingsFor = (address: string, namespace = "default") => ({
  address,
  namespace,
  connectionOptions: { address },
});

/** @returns The one line that a user gets, and after how long. */
async function failureAt(address: string, namespace?: string): Promise<{ message: string; tookMs: number }> {
  const startedMs = Date.now();
  const error = await connectClient(settingsFor(address, namespace)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UnavailableError);
  const { message } = error as UnavailableError;
  expect(message).not.toContain("\n");
  return { message, tookMs: Date.now() - startedMs };
}

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  servers.push(server);
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.concurrent("an address that is no Temporal server is named within 10 s:", () => {
  test("a port where nothing listens", async () => {
    const { message, tookMs } = await failureAt("127.0.0.1:1");
    expect(message).toBe("Temporal at 127.0.0.1:1: nothing listens there");
    expect(tookMs).toBeLessThan(PATIENCE_MS);
  });

  test("an HTTP server", async () => {
    const address = await listen(createHttpServer((_request, response) => response.end("hello")));
    const { message, tookMs } = await failureAt(address);
    expect(message).toBe(`Temporal at ${address}: an HTTP server answers there, not Temporal`);
    expect(tookMs).toBeLessThan(PATIENCE_MS);
  });

  test("a server that accepts and is silent", async () => {
    const sockets: Socket[] = [];
    const address = await listen(createServer((socket) => void sockets.push(socket)));
    const { message, tookMs } = await failureAt(address);
    for (const socket of sockets) socket.destroy();
    expect(message).toMatch(/no Temporal server answers there within 5 s/);
    expect(tookMs).toBeLessThan(PATIENCE_MS);
  });

  test("a host name that does not exist", async () => {
    const { message, tookMs } = await failureAt("no-such-host.invalid:7233");
    expect(message).toMatch(/no such host name$/);
    expect(tookMs).toBeLessThan(PATIENCE_MS);
  });

  test("a namespace that the server lacks", async () => {
    const { message, tookMs } = await failureAt(env.address, "nowhere");
    expect(message).toBe(`Temporal at ${env.address}: it has no namespace nowhere`);
    expect(tookMs).toBeLessThan(PATIENCE_MS);
  });
});

test("calls to a server that hangs end within 10 s, as unreachable", async () => {
  const sockets: Socket[] = [];
  const { hostname, port } = new URL(`tcp://${env.address}`);
  const address = await listen(
    createServer((near) => {
      const far = connect({ host: hostname, port: Number(port) });
      near.pipe(far).pipe(near);
      sockets.push(near, far);
    }),
  );
  const client = await connectClient(settingsFor(address));
  for (const socket of sockets) socket.unpipe().pause();
  const startedMs = Date.now();
  const error = await client.workflow
    .getHandle("any")
    .describe()
    .catch((reason: unknown) => reason);
  expect(isServerUnreachable(error)).toBe(true);
  expect(Date.now() - startedMs).toBeLessThan(PATIENCE_MS);
  for (const socket of sockets) socket.destroy();
  await client.connection.close();
});

test("a namespace without Meshbench's search attributes gets them, once", async () => {
  const namespace = "bare";
  const { connection } = env;
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
  });
  const client = new Client({ connection, namespace });
  await expect.poll(() => listSearchAttributes(client).then((found) => found.size), { timeout: 30_000 }).toBe(0);
  await ensureSearchAttributes(client);
  await ensureSearchAttributes(client);
  expect([...(await listSearchAttributes(client))].sort()).toEqual(Object.keys(SEARCH_ATTRIBUTES).sort());
});

test.each([
  ["1.24.3", true],
  ["0.9.0", true],
  ["1.25.0", false],
  ["1.29.1", false],
  ["2.0.0", false],
  ["cloud", false],
])("server %s is too old: %s", (version, expected) => {
  expect(isTooOld(version)).toBe(expected);
});
