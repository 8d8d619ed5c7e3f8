/** Breaks the network of one node, inside its own network namespace: nothing else on the machine sees it. */

import { execFileSync } from "node:child_process";
import { DATABASE_PORT } from "#model/node-protocol";

const TABLE = "chaos";
/** Docker's resolver, in every container of a network of its own. */
const DOCKER_RESOLVER = "127.0.0.11";

interface NftRule {
  readonly expr: readonly { readonly counter?: { readonly packets: number } }[];
}

/** Rules of nft beside the engine's own; `heal` removes them, and so does the node's end. */
export class NodeFirewall {
  readonly #pid: number;

  /** @param pid - Of the node's PID 1 on this machine. */
  constructor(pid: number) {
    this.#pid = pid;
    this.#nft("add", "table", "inet", TABLE);
    for (const hook of ["input", "output"] as const) {
      this.#nft("add", "chain", "inet", TABLE, hook, `{ type filter hook ${hook} priority 0; }`);
    }
  }

  /** Nothing that the peer sends arrives. */
  dropFrom(address: string): void {
    this.#add("input", "ip", "saddr", address, "counter", "drop");
  }

  /** Nothing arrives at the peer. */
  dropTo(address: string): void {
    this.#add("output", "ip", "daddr", address, "counter", "drop");
  }

  /** Of what is sent to the node's database. */
  dropShareOfDatabase(percent: number): void {
    const some = ["numgen", "random", "mod", "100", "<", String(percent)];
    this.#add("input", "tcp", "dport", String(DATABASE_PORT), ...some, "counter", "drop");
  }

  /** Connections from these peers break at their next packet; the worker's stay. */
  resetDatabase(from: readonly string[]): void {
    const peers = ["ip", "saddr", `{ ${from.join(", ")} }`];
    this.#add("input", ...peers, "tcp", "dport", String(DATABASE_PORT), "counter", "reject", "with", "tcp", "reset");
  }

  /** Docker rewrites what goes to its resolver: a rule on port 53 would miss it. */
  dropResolver(): void {
    this.#add("output", "ip", "daddr", DOCKER_RESOLVER, "counter", "drop");
  }

  /** How many packets the rules caught so far. */
  get packetsCaught(): number {
    const { nftables } = JSON.parse(this.#nft("--json", "list", "table", "inet", TABLE)) as {
      nftables: { rule?: NftRule }[];
    };
    const counters = nftables.flatMap(({ rule }) => rule?.expr ?? []).map(({ counter }) => counter?.packets ?? 0);
    return counters.reduce((sum, packets) => sum + packets, 0);
  }

  heal(): void {
    this.#nft("delete", "table", "inet", TABLE);
  }

  #add(chain: "input" | "output", ...rule: readonly string[]): void {
    this.#nft("add", "rule", "inet", TABLE, chain, ...rule);
  }

  #nft(...args: readonly string[]): string {
    return execFileSync("nsenter", ["--target", String(this.#pid), "--net", "nft", ...args], { encoding: "utf8" });
  }
}
