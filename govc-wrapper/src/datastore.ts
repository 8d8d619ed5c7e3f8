/** Files on datastores. Paths are relative to the datastore, and never patterns. */

import { z } from "zod";
import type { Caller } from "./caller.ts";
import { collectAll } from "./collect.ts";
import { listOf } from "./json.ts";
import type { CallOptions } from "./options.ts";
import { checkDatastorePath, checkRef, decodeName } from "./references.ts";
import type { DatastoreRef } from "./references.ts";
import { parseProperties } from "./vm.ts";

export interface DatastoreInfo {
  readonly ref: DatastoreRef;
  readonly name: string;
  /** Such as `ds:///vmfs/volumes/5c1a…/`: the same for whoever uses it, by whatever host. */
  readonly url: string;
  readonly capacityBytes: number;
  readonly freeBytes: number;
  readonly isAccessible: boolean;
}

/** A file or folder on a datastore. */
export interface DatastorePath {
  readonly datastore: DatastoreRef;
  /** `folder/file`, from the datastore's root. */
  readonly path: string;
}

const DATASTORE = z.object({
  ref: z.templateLiteral(["Datastore:", z.string()]),
  name: z.string(),
  summary: z.object({ url: z.string(), capacity: z.number(), freeSpace: z.number(), accessible: z.boolean() }),
});

const LISTING = listOf(z.object({ file: listOf(z.object({ path: z.string() })) }));

/** The transfer of a disk. */
const TRANSFER_TIMEOUT_MS = 30 * 60_000;

export class DatastoreCalls {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async list(call: CallOptions = {}): Promise<DatastoreInfo[]> {
    const found = await collectAll(this.#caller, "Datastore", ["name", "summary"], call);
    return found.map((properties) => {
      const { ref, name, summary } = parseProperties(DATASTORE, properties);
      const { url, capacity: capacityBytes, freeSpace: freeBytes, accessible: isAccessible } = summary;
      return { ref, name: decodeName(name), url, capacityBytes, freeBytes, isAccessible };
    });
  }

  /** Names in a folder, in the datastore's root where no path is given. @throws {GovcError} `not found` */
  async ls({ datastore, path }: { datastore: DatastoreRef; path?: string }, call: CallOptions = {}): Promise<string[]> {
    const operands = path === undefined ? [] : [checkDatastorePath("datastore.ls", path)];
    const command = { name: "datastore.ls", flags: datastoreFlag("datastore.ls", datastore), operands };
    const folders = await this.#caller.read(command, LISTING, call);
    return folders.flatMap(({ file }) => file.map((entry) => entry.path));
  }

  /** With the folders above it; no matter whether it exists. */
  mkdir(folder: DatastorePath, call: CallOptions = {}): Promise<void> {
    return this.#write("datastore.mkdir", folder, { p: true }, call);
  }

  /** A folder goes with all that is in it. @throws {GovcError} `not found` */
  rm(target: DatastorePath, call: CallOptions = {}): Promise<void> {
    return this.#write("datastore.rm", target, {}, call);
  }

  /** Within one datastore or between two; a virtual disk becomes a whole disk of its own. */
  async cp(source: DatastorePath, target: DatastorePath, call: CallOptions = {}): Promise<void> {
    const name = "datastore.cp";
    const flags = {
      ...datastoreFlag(name, source.datastore),
      "ds-target": checkRef(name, target.datastore, "Datastore"),
    };
    const operands = [source, target].map(({ path }) => checkDatastorePath(name, path));
    const limit = { timeoutMs: TRANSFER_TIMEOUT_MS, ...call };
    await this.#caller.write({ name, flags, operands, isRepeatable: false }, limit);
  }

  /** @param file - An absolute path on this machine. It replaces what is there. */
  async upload(file: string, { datastore, path }: DatastorePath, call: CallOptions = {}): Promise<void> {
    const name = "datastore.upload";
    const operands = [file, checkDatastorePath(name, path)];
    const command = { name, flags: datastoreFlag(name, datastore), operands, isRepeatable: true };
    await this.#caller.write(command, { timeoutMs: TRANSFER_TIMEOUT_MS, ...call });
  }

  /** The end of a text file, such as a VM's `vmware.log`. */
  async tail(
    { datastore, path }: DatastorePath,
    { maxBytes, ...call }: CallOptions & { readonly maxBytes: number },
  ): Promise<string> {
    const name = "datastore.tail";
    const flags = { ...datastoreFlag(name, datastore), c: maxBytes };
    return this.#caller.readText({ name, flags, operands: [checkDatastorePath(name, path)] }, call);
  }

  async #write(
    name: string,
    { datastore, path }: DatastorePath,
    flags: { p?: boolean },
    call: CallOptions,
  ): Promise<void> {
    const operands = [checkDatastorePath(name, path)];
    const command = { name, flags: { ...datastoreFlag(name, datastore), ...flags }, operands, isRepeatable: true };
    await this.#caller.write(command, call);
  }
}

function datastoreFlag(command: string, datastore: DatastoreRef): { ds: string } {
  return { ds: checkRef(command, datastore, "Datastore") };
}
