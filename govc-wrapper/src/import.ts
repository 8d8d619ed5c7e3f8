/** What is brought to a host from files of this machine. */

import { rm } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import type { Caller } from "./caller.ts";
import type { CallOptions } from "./options.ts";
import { checkDatastorePath, checkNetwork, checkNewName, checkRef } from "./references.ts";
import type { DatastoreRef, NetworkRef } from "./references.ts";
import type { StateFolder } from "./state-folder.ts";
import { placementFlags } from "./vm.ts";
import type { Placement } from "./vm.ts";

export interface OvaImport extends Placement {
  readonly name: string;
  /** An absolute path on this machine. */
  readonly file: string;
  readonly diskProvisioning?: "thin" | "thick" | "eagerZeroedThick";
  /** The host's network for each of the OVA's, by its name there. */
  readonly networks?: Readonly<Record<string, NetworkRef>>;
  /** See `NewVm`; the OVA's own by default. */
  readonly annotation?: string;
}

const TRANSFER_TIMEOUT_MS = 60 * 60_000;

export class ImportCalls {
  readonly #caller: Caller;
  readonly #folder: StateFolder;

  constructor(caller: Caller, folder: StateFolder) {
    this.#caller = caller;
    this.#folder = folder;
  }

  /** A new VM, powered off. @throws {GovcError} `already exists`; `no capacity` … */
  async ova(ova: OvaImport, call: CallOptions = {}): Promise<void> {
    const { name, file, diskProvisioning = "thin", networks = {}, annotation, ...placement } = ova;
    const command = "import.ova";
    const spec = {
      Annotation: annotation,
      DiskProvisioning: diskProvisioning,
      NetworkMapping: Object.entries(networks).map(([Name, ref]) => ({ Name, Network: checkNetwork(command, ref) })),
      PowerOn: false,
      MarkAsTemplate: false,
      WaitForIP: false,
    };
    const options = await this.#folder.writeSecret(`import-${randomUUID()}.json`, JSON.stringify(spec));
    const flags = { ...placementFlags(command, placement), name: checkNewName(command, name), options };
    try {
      const limit = { timeoutMs: TRANSFER_TIMEOUT_MS, ...call };
      await this.#caller.write({ name: command, flags, operands: [file], isRepeatable: false }, limit);
    } finally {
      await rm(options, { force: true });
    }
  }

  /** A disk alone, of the stream-optimised kind: it lands in `FOLDER/NAME.vmdk`, or in `NAME/NAME.vmdk` without a folder. */
  async vmdk(
    { file, datastore, folder }: { file: string; datastore: DatastoreRef; folder?: string },
    call: CallOptions = {},
  ): Promise<void> {
    const name = "import.vmdk";
    const operands = [file, ...(folder === undefined ? [] : [checkDatastorePath(name, folder)])];
    const flags = { ds: checkRef(name, datastore, "Datastore") };
    const limit = { timeoutMs: TRANSFER_TIMEOUT_MS, ...call };
    await this.#caller.write({ name, flags, operands, isRepeatable: false }, limit);
  }
}
