/** Where a VM can be reached: what VMware Tools or DNS say, asked until one of them does. */

import { Resolver } from "node:dns/promises";
import type { EsxiConnection } from "#activities/providers/esxi-connection";
import { ADDRESS_KEY, uuidOf } from "#activities/providers/esxi-labels";
import { sleep } from "#activities/timing";
import type { VmInfo } from "#govc-wrapper";
import { BenchError } from "#model/errors";

/** In milliseconds. */
export interface AddressTiming {
  /** Then the run fails with `no address`. */
  readonly limitMs: number;
  /** The first pause; each is half as long again as the one before. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

export const DEFAULT_ADDRESS_TIMING: AddressTiming = { limitMs: 180_000, firstPauseMs: 250, longestPauseMs: 3000 };

interface AwaitedVm {
  readonly vm: VmInfo;
  readonly nodeIndex: number;
  /** Of the VM in DNS; absent: nobody would know it. */
  readonly dnsName: string | undefined;
}

/**
 * Many VMs that are waited for at once cost the host one question at a time.
 * @throws {BenchError} `no address`; `node failed` where it is off again; `node lost`.
 */
export async function awaitAddress(
  connection: EsxiConnection,
  { vm, nodeIndex, dnsName }: AwaitedVm,
  timing: AddressTiming,
  signal: AbortSignal,
): Promise<string> {
  const id = uuidOf(vm);
  const particulars = { node: nodeIndex, host: connection.hostId };
  const startedMs = performance.now();
  for (let pauseMs = timing.firstPauseMs; ; pauseMs = Math.min(pauseMs * 1.5, timing.longestPauseMs)) {
    const [vms, known] = await Promise.all([
      connection.converge(signal, () => connection.listVms()),
      dnsName === undefined ? undefined : askDns(dnsName),
    ]);
    const now = vms.find((one) => uuidOf(one) === id);
    if (now === undefined) throw new BenchError("node lost", `its VM ${vm.name} is gone`, particulars);
    const address = now.extraConfig[ADDRESS_KEY] ?? now.addresses.find(isUsable) ?? known;
    if (address !== undefined) return address;
    if (now.powerState === "poweredOff") {
      throw new BenchError("node failed", `its VM ${vm.name} is off before it had an address`, particulars);
    }
    const waitedMs = performance.now() - startedMs;
    if (waitedMs > timing.limitMs) {
      const sec = Math.round(waitedMs / 1000);
      const state = `VM ${vm.name}, ${now.powerState}, VMware Tools: ${now.tools ?? "unknown"}`;
      throw new BenchError("no address", `none within ${sec} s: ${state}`, particulars);
    }
    await sleep(pauseMs, signal);
  }
}

/** IPv4, and not one that a machine gives to itself. */
const isUsable = (address: string): boolean =>
  /^\d{1,3}(?:\.\d{1,3}){3}$/.test(address) && !/^(?:0|127|169\.254)\./.test(address);

/** One that is slow or dead is asked again with the next look; Tools may know meanwhile. */
const RESOLVER = { timeout: 1000, tries: 1 } as const;

/** @returns `undefined` where DNS does not know it, or does not answer. */
async function askDns(name: string): Promise<string | undefined> {
  try {
    return (await new Resolver(RESOLVER).resolve4(name))[0];
  } catch {
    return undefined;
  }
}
