/**
 * A checkout that somebody else wrote, as the source of a node image: of it count the image's own files, which are bundled
 * and packed, never run. Import paths and packages are this version's.
 */

import { cp, lstat, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IMAGE_FOLDERS, type NodeImageInputs, readNodeImageInputs } from "#activities/image/node-image";
import { UnavailableError } from "#model/errors";
import { PROTOCOL_VERSION } from "#model/node-protocol";

const CHECKOUT = join(import.meta.dirname, "..", "..");

/**
 * @param work - Gets inputs that are there only while it works.
 * @throws {UnavailableError} Where the worker would not understand its program, or its Debian tree is not ours.
 */
export async function withForeignSource<T>(source: string, work: (inputs: NodeImageInputs) => Promise<T>): Promise<T> {
  const checkout = await mkdtemp(join(tmpdir(), "meshbench-source-"));
  try {
    for (const folder of IMAGE_FOLDERS) {
      await cp(join(source, folder), join(checkout, folder), { recursive: true, filter: isNoLink });
    }
    await cp(join(CHECKOUT, "package.json"), join(checkout, "package.json"));
    await symlink(join(CHECKOUT, "node_modules"), join(checkout, "node_modules"));
    await requireProtocol(checkout);
    const inputs = await readNodeImageInputs(checkout);
    await requireOwnDebianTree(inputs);
    return await work(inputs);
  } finally {
    await rm(checkout, { recursive: true, force: true });
  }
}

/** Links could lead out of it. */
const isNoLink = async (path: string): Promise<boolean> => !(await lstat(path)).isSymbolicLink();

/** Read, not run. */
async function requireProtocol(checkout: string): Promise<void> {
  const text = await readFile(join(checkout, "model", "node-protocol.ts"), "utf8").catch(() => "");
  const found = /export const PROTOCOL_VERSION = (\d{1,6});/.exec(text)?.[1];
  if (Number(found) === PROTOCOL_VERSION) return;
  throw new UnavailableError(
    `the source speaks protocol ${found ?? "(none found)"}, this version speaks ${PROTOCOL_VERSION}`,
    "measure it with the version of Meshbench that it belongs to",
  );
}

/** Making another one means running what the source says, and fetching packages. */
async function requireOwnDebianTree({ rootfsDigest }: NodeImageInputs): Promise<void> {
  const own = await readNodeImageInputs();
  if (rootfsDigest === own.rootfsDigest) return;
  throw new UnavailableError(
    "the source changes what the Debian tree is made of",
    "build its image on a machine of its own, and name that: image=NAME@sha256:…",
  );
}
