/** A connection to one ESXi host or vCenter. */

import { z } from "zod";
import { ABOUT_CERTIFICATE, Caller, CERTIFICATE } from "./caller.ts";
import { DatastoreCalls } from "./datastore.ts";
import { DeviceCalls, SnapshotCalls } from "./device.ts";
import { GovcError } from "./govc-error.ts";
import { ImportCalls } from "./import.ts";
import { InventoryCalls } from "./inventory.ts";
import { listOf, maybe } from "./json.ts";
import { checkOptions } from "./options.ts";
import type { CallOptions, GovcOptions } from "./options.ts";
import { childEnvironment, StateFolder } from "./state-folder.ts";
import { VmCalls } from "./vm.ts";

export interface About {
  /** Such as `VMware ESXi 6.5.0 build-5969303`. */
  readonly fullName: string;
  /** Such as `6.5.0`. */
  readonly version: string;
  readonly build: string;
  /** `HostAgent`: a standalone ESXi. */
  readonly apiType: "HostAgent" | "VirtualCenter";
  readonly apiVersion: string;
  /** Such as `vmnix-x86`. */
  readonly osType: string | undefined;
  /** Of a vCenter. */
  readonly instanceUuid: string | undefined;
}

export interface License {
  readonly name: string;
  /** Such as `eval`. */
  readonly edition: string;
}

export interface HostCertificate {
  readonly subject: string;
  readonly issuer: string;
  readonly notAfter: string;
  /** SHA-256 as `AB:CD:…`, ready for `tls: { thumbprint }`. */
  readonly thumbprint: string;
}

const ABOUT = z.object({
  about: z.object({
    fullName: z.string(),
    version: z.string(),
    build: z.string(),
    apiType: z.enum(["HostAgent", "VirtualCenter"]),
    apiVersion: z.string(),
    osType: maybe(z.string()),
    instanceUuid: maybe(z.string()),
  }),
});
const LICENSES = listOf(z.object({ name: z.string(), editionKey: z.string() }));

/** No host is worth waiting for when we only say goodbye. */
const LOGOUT_TIMEOUT_MS = 5_000;

/**
 * govc's commands as methods, grouped as govc groups them. Calls may go in parallel. A call that fails rejects with a
 * `GovcError`, an aborted one with its signal's reason.
 */
export class Govc implements AsyncDisposable {
  readonly vm: VmCalls;
  readonly device: DeviceCalls;
  readonly snapshot: SnapshotCalls;
  readonly datastore: DatastoreCalls;
  readonly inventory: InventoryCalls;
  readonly import: ImportCalls;
  readonly #caller: Caller;
  readonly #folder: StateFolder;

  private constructor(caller: Caller, folder: StateFolder) {
    this.#caller = caller;
    this.#folder = folder;
    this.vm = new VmCalls(caller);
    this.device = new DeviceCalls(caller);
    this.snapshot = new SnapshotCalls(caller);
    this.datastore = new DatastoreCalls(caller);
    this.inventory = new InventoryCalls(caller);
    this.import = new ImportCalls(caller, folder);
  }

  /**
   * Makes the connection's private folder; sends nothing. The first call logs in. Close it: the host keeps sessions, and
   * the folder has one's key.
   * @throws {GovcError} `usage`
   */
  static async open(options: GovcOptions): Promise<Govc> {
    checkOptions(options);
    const folder = await StateFolder.create(options.stateParent);
    return new Govc(new Caller(options, folder, await childEnvironment(options, folder)), folder);
  }

  async about(call: CallOptions = {}): Promise<About> {
    return (await this.#caller.read({ name: "about" }, ABOUT, call)).about;
  }

  /** The host's certificate, whoever signed it. Sends no credentials. */
  certificate(call: CallOptions = {}): Promise<HostCertificate> {
    return this.#caller.readWithoutLogin(ABOUT_CERTIFICATE, CERTIFICATE, call);
  }

  async licenses(call: CallOptions = {}): Promise<License[]> {
    const licenses = await this.#caller.read({ name: "license.ls" }, LICENSES, call);
    return licenses.map(({ name, editionKey: edition }) => ({ name, edition }));
  }

  /** Ends the session and removes the private folder. Calls that are under way fail. */
  async close(): Promise<void> {
    try {
      await this.#caller.logOut({ timeoutMs: LOGOUT_TIMEOUT_MS });
    } catch (error) {
      // A host that does not answer ends the session itself, after half an hour.
      if (!(error instanceof GovcError)) throw error;
    } finally {
      await this.#folder.remove();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
