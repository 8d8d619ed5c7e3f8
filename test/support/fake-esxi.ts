/** A standalone host as far as a fake govc can be one: it has what a test says, and takes every order without carrying it out. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { EsxiProvider } from "#activities/providers/esxi";
import type { EsxiProviderOptions } from "#activities/providers/esxi";
import type { ObjectType } from "#govc-wrapper";
import { FakeGovc } from "#test/support/fake-govc";

type Values = Readonly<Record<string, unknown>>;

interface FakeEsxiOptions {
  /** Of `about`, beside what a real ESXi says. */
  readonly about?: Values;
  /** By reference; what they have beside a name. */
  readonly vms?: Readonly<Record<`VirtualMachine:${string}`, Values>>;
  readonly hosts?: Readonly<Record<`HostSystem:${string}`, Values>>;
  readonly datastore?: Values;
  /** As for `FakeGovc`. */
  readonly answers?: Readonly<Record<string, string>>;
}

const MIB = 1024 ** 2;
const FAKE_PLACE = { datastore: "ds1", network: "bench-net" } as const;

const REAL_ABOUT = {
  name: "VMware ESXi",
  fullName: "VMware ESXi 6.5.0 build-5969303",
  version: "6.5.0",
  build: "5969303",
  osType: "vmnix-x86",
  apiType: "HostAgent",
  apiVersion: "6.5",
};

/** Of 8 GiB, 1 GiB in use. */
const HOST = {
  name: "esxi.invalid",
  "summary.hardware": { vendor: "Dell Inc.", cpuModel: "a CPU", numCpuThreads: 8, memorySize: 8192 * MIB },
  "summary.quickStats": { overallMemoryUsage: 1024 },
  "summary.config.product.version": "6.5.0",
  "runtime.inMaintenanceMode": false,
};
const DATASTORE = { url: "ds:///vmfs/volumes/1/", capacity: 1e12, freeSpace: 1e12, accessible: true };

/** Of all objects of a type, or of the one that is named. */
const COLLECT = `
for argument; do
case $argument in
-type=*) type=\${argument#-type=};;
*:*) type=\${argument%%:*} one=\${argument#*:};;
esac
done
if rm "$STATE/unavailable.$type" 2>/dev/null; then echo 'govc: 503 Service Unavailable' >&2; exit 1; fi
if [ ! "$one" ]; then cat "$STATE/$type"; exit; fi
grep -F '"value":"'"$one"'"' "$STATE/$type" | sed 's/.*"changeSet":\\(.*\\)}$/\\1/' | grep . && exit
echo "govc: ServerFaultCode: The object has already been deleted or has not been completely created" >&2
exit 1`;

export class FakeEsxi implements Disposable {
  readonly govc: FakeGovc;

  constructor({
    about = {},
    vms = {},
    hosts = { "HostSystem:h1": {} },
    datastore,
    answers = {},
  }: FakeEsxiOptions = {}) {
    this.govc = new FakeGovc({
      about: `echo '${JSON.stringify({ about: { ...REAL_ABOUT, ...about } })}'`,
      "license.ls": `echo '[{"name":"Evaluation","editionKey":"eval"}]'`,
      "object.collect": COLLECT,
      ...answers,
    });
    const off = { "runtime.powerState": "poweredOff" };
    this.has(
      "VirtualMachine",
      mapValues(vms, (vm) => ({ ...off, ...vm })),
    );
    this.has(
      "HostSystem",
      mapValues(hosts, (host) => ({ ...HOST, ...host })),
    );
    this.has("Datastore", { "Datastore:d1": { name: FAKE_PLACE.datastore, summary: { ...DATASTORE, ...datastore } } });
    this.has("Network", { "Network:n1": { name: FAKE_PLACE.network } });
    this.has("ResourcePool", { "ResourcePool:p1": { name: "Resources" } });
  }

  /** All of a type that it has from now on, by reference. */
  has(type: ObjectType, objects: Readonly<Record<string, Values>>): void {
    const lines = Object.entries(objects).map(([ref, values]) => `${toUpdate(ref, values)}\n`);
    writeFileSync(join(this.govc.state, type), lines.join(""));
  }

  /** The next time that it is asked for these, a proxy says that it is not there. */
  failNext(type: ObjectType): void {
    writeFileSync(join(this.govc.state, `unavailable.${type}`), "");
  }

  open(options: Partial<EsxiProviderOptions> = {}): EsxiProvider {
    const nothing = { currentId: () => Promise.reject(new Error("no disk")), find: () => Promise.resolve(undefined) };
    const { connectOptions: connect } = this.govc;
    return new EsxiProvider({
      hostId: "here",
      connect,
      place: FAKE_PLACE,
      source: nothing,
      retryPauseMs: 1,
      ...options,
    });
  }

  [Symbol.dispose](): void {
    this.govc[Symbol.dispose]();
  }
}

/** As `object.collect` prints an object that it has found. */
function toUpdate(ref: string, values: Values): string {
  const [type, value] = ref.split(":");
  const changeSet = Object.entries(values).map(([name, val]) => ({ name, val }));
  return JSON.stringify({ kind: "enter", obj: { type, value }, changeSet });
}

const mapValues = (objects: Readonly<Record<string, Values>>, change: (values: Values) => Values) =>
  Object.fromEntries(Object.entries(objects).map(([ref, values]) => [ref, change(values)]));

/** As a VM has its extraConfig. */
export const extraConfigOf = (entries: Readonly<Record<string, string>>): Values => ({
  "config.extraConfig": Object.entries(entries).map(([key, value]) => ({ key, value })),
});
