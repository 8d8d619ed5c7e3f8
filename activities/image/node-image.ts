/** Which node image belongs to this checkout: its tag is a digest of everything that goes into it. */

import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { nodeSchema } from "#activities/image/node-schema";
import { PROTOCOL_VERSION } from "#model/node-protocol";

/** Facts about an image, as labels, so that one that does not fit can be told by name. */
export const IMAGE_LABEL = {
  /** SHA-256 over the image's inputs, hex. */
  inputs: "meshbench.image.inputs",
  /** `PROTOCOL_VERSION` of the node program in it. */
  protocol: "meshbench.image.protocol",
  /** Such as `mariadb 10.11.19`. */
  database: "meshbench.image.database",
  /** Version of the Node runtime, without `v`. */
  node: "meshbench.image.node",
} as const;

/**
 * All that PID 1 needs with every capability dropped: it starts the database and the node program as users of their own
 * (SETUID, SETGID) and stops them at the deadline (KILL). With `no-new-privileges` and a read-only root, `/ram` is the
 * one place that has to be writable.
 */
export const NODE_CAPABILITIES = ["KILL", "SETGID", "SETUID"] as const;

const REPOSITORY = "meshbench-node";
const CHECKOUT = join(import.meta.dirname, "..", "..");

/** In infra/node-image/: what the Debian tree and its data directory are made of. A change takes a minute to build. */
export const ROOTFS_RECIPE = [
  "rootfs.sh",
  "debian-archive.sh",
  "packages.txt",
  "prepare-data.sh",
  "database.cnf",
] as const;
/** What lies on top of it; a change takes seconds. */
const TOP_RECIPE = ["init.sh", "vm-config.sh", "layers.ts"] as const;

/** Of a checkout, with `/` on every system: all that an image is built from lies in them. */
export const IMAGE_FOLDERS = ["node", "model", "infra/node-image"] as const;

export interface NodeImageInputs {
  /** Where they were read. */
  readonly checkout: string;
  readonly tag: string;
  /** SHA-256 over everything below and the recipe, hex. */
  readonly digest: string;
  /** The part of it that the Debian tree depends on, hex. */
  readonly rootfsDigest: string;
  /** Without `v`. */
  readonly nodeVersion: string;
  readonly schema: string;
  readonly mysqlSchema: string;
  /** The node program as one ES module. */
  readonly program: Uint8Array;
}

/** `meshbench-node:` and 16 hex digits: the image this checkout would build. Takes a tenth of a second. */
export async function nodeImageTag(): Promise<string> {
  return (await readNodeImageInputs()).tag;
}

/** @throws {Error} The node program does not compile. */
export async function readNodeImageInputs(checkout = CHECKOUT): Promise<NodeImageInputs> {
  const schema = nodeSchema("mariadb");
  const mysqlSchema = nodeSchema("mysql");
  const program = bundleNodeProgram(checkout);
  const nodeVersion = await pinnedNodeVersion(checkout);
  const rootfsDigest = digestOf({ ...(await readRecipe(checkout, ROOTFS_RECIPE)), schema });
  const protocol = String(PROTOCOL_VERSION);
  const top = await readRecipe(checkout, TOP_RECIPE);
  const digest = digestOf({ ...top, rootfsDigest, program, mysqlSchema, nodeVersion, protocol });
  return {
    checkout,
    tag: `${REPOSITORY}:${digest.slice(0, 16)}`,
    digest,
    rootfsDigest,
    nodeVersion,
    schema,
    mysqlSchema,
    program,
  };
}

/** SHA-256, hex, over names and contents; their order does not matter. */
export function digestOf(parts: Readonly<Record<string, string | Uint8Array>>): string {
  const hash = createHash("sha256");
  for (const [name, content] of Object.entries(parts).sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${name}\0${Buffer.byteLength(content)}\0`).update(content);
  }
  return hash.digest("hex");
}

/**
 * One file that runs without `node_modules`. White space and syntax are minified, names are kept: half the source for
 * the runtime to hold in memory, and stack traces still say where.
 */
function bundleNodeProgram(checkout: string): Uint8Array {
  const { outputFiles, metafile } = buildSync({
    entryPoints: [join(checkout, "node", "main.ts")],
    // Paths in the output are relative to this: every checkout gives the same bytes.
    absWorkingDir: checkout,
    preserveSymlinks: true,
    bundle: true,
    metafile: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node24",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "eof",
    // The CommonJS modules in it ask for Node's own modules by `require`.
    banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error("esbuild made nothing of node/main.ts");
  requireOwnFiles(checkout, Object.keys(metafile.inputs));
  return file.contents;
}

/** A program of somebody else's could import any file of this machine, and carry it out in the image. */
function requireOwnFiles(checkout: string, inputs: readonly string[]): void {
  const packages = realpathSync(join(checkout, "node_modules"));
  const isOwn = (path: string) => [realpathSync(checkout), packages].some((root) => path.startsWith(`${root}/`));
  const foreign = inputs.map((input) => realpathSync(join(checkout, input))).find((path) => !isOwn(path));
  if (foreign !== undefined) throw new Error("the node program imports a file from outside its checkout");
}

async function readRecipe(checkout: string, names: readonly string[]): Promise<Record<string, Uint8Array>> {
  const read = (name: string) => readFile(join(checkout, "infra", "node-image", name));
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await read(name)])));
}

/** The version that package-lock.json pins, whatever Node runs this. */
async function pinnedNodeVersion(checkout: string): Promise<string> {
  const file = join(checkout, "node_modules", "node", "package.json");
  const { version }: { version: string } = JSON.parse(await readFile(file, "utf8"));
  return version;
}
