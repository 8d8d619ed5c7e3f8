import { afterEach, expect, test } from "vitest";
import { IMAGE_KEY, toAnnotation } from "#activities/providers/esxi-labels";
import { templateNameOf } from "#activities/providers/esxi-template";
import { labelsOf } from "#activities/providers/labels";
import type { NodeHandle, RunSpec } from "#model/run";
import { ESXI_ENVIRONMENT, EsxiHarness, TINY_IMAGE } from "#test/support/esxi-harness";
import { newRunId, nodeSpecs } from "#test/support/provider-contract";
import { sampleRun } from "#test/support/sample-run";
import type { VcsimOptions } from "#test/support/vcsim";

const NEVER = new AbortController().signal;
const DEADLINE_AT = new Date(Date.now() + 10 * 60_000).toISOString();
const TEMPLATE = templateNameOf(TINY_IMAGE);

let harness: EsxiHarness | undefined;
afterEach(async () => {
  await harness?.close();
  harness = undefined;
});

/** Without containers, its VMs are on and never have an address. */
async function startHost(options: Partial<VcsimOptions> = {}): Promise<EsxiHarness> {
  harness = await EsxiHarness.start({ mode: "esx", hasContainers: false, ...options });
  return harness;
}

async function prepareRun({ provider }: EsxiHarness, point: Partial<RunSpec["point"]> = {}): Promise<RunSpec> {
  const environment = await provider.prepareEnvironment(ESXI_ENVIRONMENT);
  return sampleRun({ runId: newRunId(), environment, point: { memoryMib: 64, ...point } });
}

/** As the provision step does it: the first that fails stops the others, and all are waited for. */
async function provision({ provider }: EsxiHarness, run: RunSpec): Promise<PromiseSettledResult<NodeHandle>[]> {
  const stop = new AbortController();
  const nodes = nodeSpecs(run).map(async (node) => {
    try {
      return await provider.ensureNode(run, node, stop.signal);
    } catch (error) {
      stop.abort(error);
      throw error;
    }
  });
  return Promise.allSettled(nodes);
}

const namesOf = async ({ govc }: EsxiHarness): Promise<string[]> => (await govc.vm.list()).map(({ name }) => name);

async function rootFolders({ govc }: EsxiHarness): Promise<string[]> {
  return govc.datastore.ls({ datastore: (await govc.datastore.list())[0]!.ref });
}

test("when the 7th of 15 VMs has no room, all go, with disks and folders, and the template stays", async () => {
  const host = await startHost({ faults: ["CreateVM_Task=InsufficientResourcesFault:1:6"] });
  const run = await prepareRun(host, { nodes: 15 });
  await host.provider.ensureRun(run, DEADLINE_AT, NEVER);
  const results = await provision(host, run);
  const failures = results.map((result) => (result.status === "rejected" ? result.reason : undefined));
  expect(failures.some((failure) => failure?.kind === "capacity")).toBe(true);
  expect(await host.provider.destroyRun(run.runId)).toBeGreaterThanOrEqual(6);
  expect(await namesOf(host)).toEqual([TEMPLATE]);
  expect(await rootFolders(host)).toEqual([TEMPLATE]);
  const datastore = (await host.govc.datastore.list())[0]!.ref;
  expect(await host.govc.datastore.ls({ datastore, path: TEMPLATE })).toContain("disk-0.vmdk");
});

test("a VM whose maker died before it could label it is found by its annotation, and removed", async () => {
  const host = await startHost();
  const run = await prepareRun(host);
  const labels = labelsOf({ runId: run.runId, host: "here", deadlineAt: DEADLINE_AT, nodeIndex: 1 });
  await host.makeVm(`${run.runId}-n1`, toAnnotation(labels));
  await host.makeVm(`${run.runId}-n2`, "meshbench {broken");
  expect(await host.provider.listLabelled()).toMatchObject([{ runId: run.runId, node: 1, deadlineAt: DEADLINE_AT }]);
  expect(await host.provider.destroyRun(run.runId)).toBe(1);
  expect(await namesOf(host)).toEqual([`${run.runId}-n2`]);
});

test("an import that was cut off is replaced", async () => {
  const host = await startHost();
  const [{ url } = { url: "" }] = await host.govc.datastore.list();
  await host.makeVm(TEMPLATE, `meshbench import of ${TINY_IMAGE} to ${url} until ${DEADLINE_AT}`);
  const run = await prepareRun(host);
  await host.provider.ensureRun(run, DEADLINE_AT, NEVER);
  const template = await host.govc.vm.find(TEMPLATE);
  expect(template?.extraConfig[IMAGE_KEY]).toBe(TINY_IMAGE);
  expect(await host.govc.device.disks(template!.ref)).toHaveLength(1);
});

test("somebody else's VM with the template's name is neither used nor touched", async () => {
  const host = await startHost();
  const foreign = await host.makeForeign(TEMPLATE);
  const run = await prepareRun(host);
  await expect(host.provider.ensureRun(run, DEADLINE_AT, NEVER)).rejects.toMatchObject({ kind: "name taken" });
  expect(await foreign.exists()).toBe(true);
});

test("the image is imported once, whoever asks", async () => {
  const host = await startHost({ mode: "vcenter" });
  const run = await prepareRun(host);
  await host.provider.ensureRun(run, DEADLINE_AT, NEVER);
  const before = await host.govc.vm.find(TEMPLATE);
  await host.otherWorker.ensureRun(run, DEADLINE_AT, NEVER);
  expect(await host.govc.vm.find(TEMPLATE)).toEqual(before);
});

test.for(["esx", "vcenter"] as const)("on %s whole copies hang on no template, and go with their VMs", async (mode) => {
  const host = await startHost({ mode });
  const addressTiming = { limitMs: 0, firstPauseMs: 50, longestPauseMs: 50 };
  const provider = host.open({ disks: "full", addressTiming });
  const environment = await provider.prepareEnvironment(ESXI_ENVIRONMENT);
  expect(environment.facts["disks"]).toBe("full copies");
  const run = sampleRun({ runId: newRunId(), environment, point: { nodes: 1, memoryMib: 64 } });
  await provider.ensureRun(run, DEADLINE_AT, NEVER);
  const node = nodeSpecs(run)[0]!;
  await expect(provider.ensureNode(run, node, NEVER)).rejects.toMatchObject({ kind: "no address" });
  const vm = await host.govc.vm.find(`${run.runId}-n1`);
  expect(vm?.powerState).toBe("poweredOn");
  expect(await host.govc.device.disks(vm!.ref)).toMatchObject([{ parentFile: undefined }]);
  expect(await provider.destroyRun(run.runId)).toBe(1);
  expect(await namesOf(host)).toEqual([TEMPLATE]);
  expect(await rootFolders(host)).toEqual([TEMPLATE]);
  const datastore = (await host.govc.datastore.list())[0]!.ref;
  expect(await host.govc.datastore.ls({ datastore, path: TEMPLATE })).toContain("disk-0.vmdk");
  await provider.close();
});

test("a licence that lets programs only look is said before a run begins", async () => {
  // The import's own mark passes.
  const host = await startHost({ faults: ["ReconfigVM_Task=RestrictedVersion:0:1"] });
  const run = await prepareRun(host);
  await host.provider.ensureRun(run, DEADLINE_AT, NEVER);
  const refused = { kind: "licence read-only", particulars: { host: "here" } };
  await expect(host.provider.prepareEnvironment(ESXI_ENVIRONMENT)).rejects.toMatchObject(refused);
});

test("what no VM can be is refused before anything is made", async () => {
  const host = await startHost();
  const { provider } = host;
  const half = { ...ESXI_ENVIRONMENT, cpus: 0.5 };
  await expect(provider.prepareEnvironment(half)).rejects.toMatchObject({ kind: "esxi refused" });
  const tooMuch = await prepareRun(host, { nodes: 15, memoryMib: 3072 });
  await expect(provider.ensureRun(tooMuch, DEADLINE_AT, NEVER)).rejects.toMatchObject({
    kind: "capacity",
    message: expect.stringContaining("46080 MiB together"),
  });
  const unknownNames = await prepareRun(host, { resolve: "names" });
  await expect(provider.ensureRun(unknownNames, DEADLINE_AT, NEVER)).rejects.toMatchObject({ kind: "dns" });
  const elsewhere = host.open({ place: { datastore: "LocalDS_*", network: "VM Network" } });
  await expect(elsewhere.ensureRun(await prepareRun(host), DEADLINE_AT, NEVER)).rejects.toMatchObject({
    kind: "esxi refused",
    message: expect.stringContaining("there are: LocalDS_0"),
  });
  await elsewhere.close();
  expect(await namesOf(host)).toEqual([]);
});
