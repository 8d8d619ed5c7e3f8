/** Between govc and a simulated host: passes calls on, except for those a test wants to go wrong, and under any certificate. */

import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, request } from "node:https";
import type { Server } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { TempDir } from "#test/support/temp-dir";

/**
 * `unavailable`: status 503, the host never hears of it. `cut`: the host does it, the caller's connection breaks before the
 * answer. `stall`: nobody ever answers.
 */
type ProxyFault = "unavailable" | "cut" | "stall";

/** @param method - Of vSphere's API, such as `PowerOnVM_Task`. @param number - Of the call, from 1. */
export type FaultPlan = (method: string, number: number) => ProxyFault | undefined;

interface Identity {
  readonly key: string;
  readonly cert: string;
}

export class VcsimProxy implements AsyncDisposable {
  /** All that was asked, in order. */
  readonly methods: string[] = [];
  plan: FaultPlan = () => undefined;
  readonly #target: string;
  readonly #server: Server;
  #identity: Identity;

  private constructor(target: string, identity: Identity) {
    this.#target = target;
    this.#identity = identity;
    this.#server = createServer(identity, (incoming, answer) => void this.#handle(incoming, answer));
  }

  /** @param target - As `Vcsim.url`. */
  static async open(target: string): Promise<VcsimProxy> {
    const proxy = new VcsimProxy(target, await newIdentity());
    await once(proxy.#server.listen(0, "127.0.0.1"), "listening");
    return proxy;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Of the certificate it shows now. */
  get thumbprint(): string {
    return new X509Certificate(this.#identity.cert).fingerprint256;
  }

  /** As after a reinstallation, or with somebody in between. */
  async swapCertificate(): Promise<void> {
    this.#identity = await newIdentity();
    this.#server.setSecureContext(this.#identity);
    this.#server.closeIdleConnections();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const method = /<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)/.exec(body.toString())?.[1] ?? incoming.url ?? "";
    this.methods.push(method);
    const fault = this.plan(method, this.methods.length);
    if (fault === "stall") return;
    if (fault === "unavailable") {
      answer.writeHead(503, { "content-type": "text/plain" }).end("no healthy upstream");
      return;
    }
    const { method: verb, headers } = incoming;
    const target = new URL(incoming.url ?? "/", this.#target);
    const forwarded = request(target, { method: verb, headers, rejectUnauthorized: false }, (hostAnswer) => {
      if (fault === "cut") {
        hostAnswer.resume().once("end", () => answer.destroy());
        return;
      }
      answer.writeHead(hostAnswer.statusCode ?? 502, hostAnswer.headers);
      hostAnswer.pipe(answer);
    });
    forwarded.once("error", () => answer.destroy());
    forwarded.end(body);
  }
}

async function newIdentity(): Promise<Identity> {
  using dir = new TempDir();
  const [key, cert] = [dir.join("key.pem"), dir.join("cert.pem")];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  await promisify(execFile)("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", cert]);
  return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
}
