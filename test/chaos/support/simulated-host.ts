/** A simulated host that faults are tried on, and what they may not leave there. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, vi } from "vitest";
import type { EsxiProvider, EsxiProviderOptions } from "#activities/providers/esxi";
import { vmNameOf } from "#activities/providers/esxi-labels";
import type { VmInfo } from "#govc-wrapper";
import type { RunSpec } from "#model/run";
import { ESXI_ENVIRONMENT, EsxiHarness } from "#test/support/esxi-harness";
import { newRunId, nodeSpecs } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";
import type { VcsimMode, VcsimOptions } from "#test/support/vcsim";
import type { VcsimProxy } from "#test/support/vcsim-proxy";

const NODES = 3;
export const DEADLINE_AT = new Date(Date.now() + 600_000).toISOString();
export const { signal } = new AbortController();

/** Without containers: VMs get their addresses from the test. */
export const startHost = (options: VcsimOptions) => EsxiHarness.start({ hasContainers: false, ...options });

/** Soon at its end with what it repeats. */
export const openProvider = (harness: EsxiHarness, options: Partial<EsxiProviderOptions> = {}) =>
  harness.open({ retryPauseMs: 20, ...options });

/** A provider that reaches the host through a proxy. */
export function openBehind(harness: EsxiHarness, proxy: VcsimProxy, timeoutMs = 30_000) {
  const tls = { thumbprint: proxy.thumbprint };
  return openProvider(harness, { connect: { ...harness.vcsim.govcOptions, url: proxy.url, tls, timeoutMs } });
}

export async function newRun(provider: EsxiProvider, nodes = NODES): Promise<RunSpec> {
  const environment = await provider.prepareEnvironment(ESXI_ENVIRONMENT);
  return sampleRun({ runId: newRunId(), point: { nodes }, environment });
}

export async function provision(provider: EsxiProvider, run: RunSpec) {
  await provider.ensureRun(run, DEADLINE_AT, signal);
  const nodes = nodeSpecs(run).map((node) => provider.ensureNode(run, node, signal));
  await Promise.allSettled(nodes);
  return Promise.all(nodes);
}

export const vmsOf = async ({ govc }: EsxiHarness, { runId }: RunSpec) =>
  (await govc.vm.list()).filter(({ name }) => name.startsWith(`${runId}-`));

/** As VMware Tools would, once a VM is on. */
export async function bootGuests(harness: EsxiHarness, run: RunSpec, guests = run.point.nodes): Promise<void> {
  const withAddress = new Set<string>();
  await vi.waitFor(
    async () => {
      const on = (await vmsOf(harness, run)).filter(({ powerState }) => powerState === "poweredOn");
      for (const { ref, name } of on.filter((vm) => !withAddress.has(vm.name))) {
        const address = `198.18.9.${Number(name.split("-n").at(-1))}`;
        await harness.govc.vm.change(ref, { extraConfig: { "SET.guest.ipAddress": address } });
        withAddress.add(name);
      }
      expect(withAddress.size).toBe(guests);
    },
    { timeout: 60_000, interval: 200 },
  );
}

export async function provisionWithGuests(harness: EsxiHarness, provider: EsxiProvider, run: RunSpec) {
  const [nodes] = await Promise.all([provision(provider, run), bootGuests(harness, run)]);
  return nodes;
}

/** Of a run: VMs, and folders and disks on the datastore. */
export async function leftoversOf(harness: EsxiHarness, run: RunSpec): Promise<string[]> {
  const vms = (await vmsOf(harness, run)).map(({ name }) => `VM ${name}`);
  const [{ ref: datastore } = { ref: "Datastore:none" as const }] = await harness.govc.datastore.list();
  const files = (await harness.govc.datastore.ls({ datastore })).filter((name) => name.includes(run.runId));
  return [...vms, ...files];
}

/** As an operator at a terminal, who may use patterns. */
export async function operator({ vcsim }: EsxiHarness, ...args: string[]): Promise<string> {
  const login = { GOVC_URL: vcsim.url, GOVC_USERNAME: vcsim.username, GOVC_PASSWORD: vcsim.password };
  const env = { ...login, GOVC_INSECURE: "true", GOVC_PERSIST_SESSION: "false" };
  return (await promisify(execFile)(vcsim.govc, args, { env })).stdout;
}

/**
 * A run beside VMs of others whose names resemble those of its own, or are patterns that fit them.
 * @returns All VMs of the host before it and after it.
 */
export async function runBesideOthers(mode: VcsimMode): Promise<{ before: VmInfo[]; after: VmInfo[] }> {
  await using harness = await startHost({ mode });
  const run = await newRun(harness.provider, 2);
  await harness.provider.ensureRun(run, DEADLINE_AT, signal);
  const name = vmNameOf(run.runId, 1);
  const similar = [`${name}0`, `x${name}`, `${name} `, name.toUpperCase()];
  const patterns = [`${run.runId}-n[12]`, `${run.runId}-n*`, `${run.runId}-n?`, "*"];
  for (const decoy of [...similar, ...patterns]) {
    await operator(harness, "vm.create", `-net=${harness.vcsim.network}`, "-m=64", "-on=true", "--", decoy);
  }
  const before = await harness.govc.vm.list();
  const provider = openProvider(harness, { addressTiming: { limitMs: 200, firstPauseMs: 50, longestPauseMs: 100 } });
  await expect(provision(provider, run)).rejects.toMatchObject({ kind: "no address" });
  expect(await provider.destroyRun(run.runId)).toBe(2);
  await provider.close();
  return { before, after: await harness.govc.vm.list() };
}
