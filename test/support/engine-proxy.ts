/** Between a provider and a real engine: passes calls on, except for those a test wants to go wrong. */

import { once } from "node:events";
import { createServer, request } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";

/**
 * `refuse`: status 500, the engine never hears of it. `cut`: the engine does it, the caller's connection breaks before
 * the answer. `stall`: nobody ever answers.
 */
export type ProxyFault = "refuse" | "cut" | "stall";

/** @param number - Of the call, from 1. */
export type FaultPlan = (number: number, call: { method: string; path: string }) => ProxyFault | undefined;

export class EngineProxy {
  readonly docker: Docker;
  /** For `DOCKER_HOST`. */
  readonly url: string;
  readonly #server: Server;
  readonly #folder: string;

  private constructor(server: Server, folder: string, socketPath: string) {
    this.#server = server;
    this.#folder = folder;
    this.docker = new Docker({ socketPath });
    this.url = `unix://${socketPath}`;
  }

  static async open(plan: FaultPlan): Promise<EngineProxy> {
    const folder = mkdtempSync(join(tmpdir(), "meshbench-proxy-"));
    const socketPath = join(folder, "engine.sock");
    let calls = 0;
    const server = createServer((incoming, answer) => {
      calls += 1;
      const fault = plan(calls, { method: incoming.method ?? "", path: incoming.url ?? "" });
      handle(incoming, answer, fault);
    });
    await once(server.listen(socketPath), "listening");
    return new EngineProxy(server, folder, socketPath);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true });
  }
}

function handle(incoming: IncomingMessage, answer: ServerResponse, fault: ProxyFault | undefined): void {
  if (fault === "stall") return;
  if (fault === "refuse") {
    answer.writeHead(500, { "content-type": "application/json" }).end('{"message":"the proxy refuses"}');
    return;
  }
  const { socketPath } = resolveDockerEndpoint().options;
  if (!socketPath) throw new Error("the proxy needs an engine behind a socket");
  const { method, url: path, headers } = incoming;
  const forwarded = request({ socketPath, method, path, headers }, (engineAnswer) => {
    if (fault === "cut") {
      engineAnswer.resume().once("end", () => answer.destroy());
      return;
    }
    answer.writeHead(engineAnswer.statusCode ?? 502, engineAnswer.headers);
    engineAnswer.pipe(answer);
  });
  forwarded.once("error", () => answer.destroy());
  incoming.pipe(forwarded);
}
