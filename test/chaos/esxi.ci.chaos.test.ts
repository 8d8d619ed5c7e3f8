/** What goes wrong with an ESXi host most of all, in seconds; the rest is in esxi.chaos.test.ts. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  DEADLINE_AT,
  leftoversOf,
  newRun,
  openBehind,
  openProvider,
  provisionWithGuests,
  runBesideOthers,
  signal,
  startHost,
} from "#test/chaos/support/simulated-host";
import { ESXI_ENVIRONMENT } from "#test/support/esxi-harness";
import type { EsxiHarness } from "#test/support/esxi-harness";
import { nodeSpecs } from "#test/support/provider-contract";
import { VcsimProxy } from "#test/support/vcsim-proxy";

/** For whatever needs no faults of the host's own. */
let esx: EsxiHarness;
beforeAll(async () => {
  esx = await startHost({ mode: "esx" });
});
afterAll(() => esx.close());

test("F44: a host behind a proxy that has none for five calls is asked until it has", async () => {
  await using proxy = await VcsimProxy.open(esx.vcsim.url);
  const provider = openBehind(esx, proxy);
  proxy.plan = (_, number) => (number <= 5 ? "unavailable" : undefined);
  const run = await newRun(provider, 1);
  expect(await provisionWithGuests(esx, provider, run)).toHaveLength(1);
  expect(await provider.destroyRun(run.runId)).toBe(1);
  await provider.close();
});

test("F45: a session that ends within a call is opened anew", async () => {
  const faults = [
    "PowerOnVM_Task=NotAuthenticated:1",
    "ReconfigVM_Task=NotAuthenticated:1:1",
    "Destroy_Task=NotAuthenticated:1",
  ];
  await using harness = await startHost({ mode: "esx", faults });
  const run = await newRun(harness.provider, 2);
  expect(await provisionWithGuests(harness, harness.provider, run)).toHaveLength(2);
  expect(await harness.provider.destroyRun(run.runId)).toBe(2);
  expect(await leftoversOf(harness, run)).toEqual([]);
});

test("F49: a host with another certificate gets no call any more, and both thumbprints are told", async () => {
  await using proxy = await VcsimProxy.open(esx.vcsim.url);
  const provider = openBehind(esx, proxy);
  const run = await newRun(provider, 1);
  await provider.ensureRun(run, DEADLINE_AT, signal);
  const before = { thumbprint: proxy.thumbprint, calls: proxy.methods.length };
  await proxy.swapCertificate();
  await expect(provider.ensureNode(run, nodeSpecs(run)[0]!, signal)).rejects.toMatchObject({
    kind: "certificate changed",
    message: expect.stringMatching(new RegExp(`${before.thumbprint}.*${proxy.thumbprint}`)) as string,
  });
  expect(proxy.methods).toHaveLength(before.calls);
  await provider.close();
});

describe("B27: an account or a certificate that does not fit", () => {
  test("names the user, and the password nowhere", async () => {
    const provider = openProvider(esx, { connect: { ...esx.vcsim.govcOptions, password: "canary-wrong" } });
    const failure: unknown = await provider.prepareEnvironment(ESXI_ENVIRONMENT).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      kind: "login refused",
      message: expect.stringContaining(`user ${esx.vcsim.username}`) as string,
    });
    expect(JSON.stringify([failure, String(failure)])).not.toContain("canary-wrong");
    await provider.close();
  });

  test("names the certificate that nobody vouches for", async () => {
    const { tls: _, ...connect } = esx.vcsim.govcOptions;
    const provider = openProvider(esx, { connect });
    await expect(provider.prepareEnvironment(ESXI_ENVIRONMENT)).rejects.toMatchObject({
      kind: "certificate changed",
      message: expect.stringContaining(esx.vcsim.thumbprint) as string,
    });
    await provider.close();
  });
});

describe("B28: a template", () => {
  test("that is missing, a pattern or nearly so called is none", async () => {
    await esx.makeVm("golden-1");
    for (const template of ["golden", "golden-*", "golden-[1]", "GOLDEN-1"]) {
      const provider = openProvider(esx, { template });
      await expect(provider.prepareEnvironment(ESXI_ENVIRONMENT)).rejects.toMatchObject({
        kind: "image",
        message: `template ${JSON.stringify(template)} is missing on host here`,
      });
      await provider.close();
    }
  });

  test("that runs is refused", async () => {
    const { ref } = await esx.makeVm("running");
    await esx.govc.vm.power(ref, "on");
    const provider = openProvider(esx, { template: "running" });
    await expect(provider.prepareEnvironment(ESXI_ENVIRONMENT)).rejects.toMatchObject({
      kind: "image",
      message: expect.stringContaining("poweredOn") as string,
    });
    await provider.close();
  });

  test("without a snapshot is refused by a vCenter", async () => {
    await using harness = await startHost({ mode: "vcenter" });
    await harness.makeVm("golden");
    const provider = openProvider(harness, { template: "golden" });
    await expect(provider.prepareEnvironment(ESXI_ENVIRONMENT)).rejects.toMatchObject({
      kind: "image",
      message: expect.stringContaining("no snapshot") as string,
    });
    await provider.close();
  });
});

test("VMs of others on a standalone host are left alone, however they are called", async () => {
  const { before, after } = await runBesideOthers("esx");
  expect(after).toEqual(before);
});
