/** A commit as GitHub packs it, made of this checkout's files. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { IMAGE_FOLDERS } from "#activities/image/node-image";

const CHECKOUT = join(import.meta.dirname, "..", "..", "..");

/** @param change - What the commit has changed in a file. */
export async function packCommit(change: (path: string, text: string) => string = (_, text) => text): Promise<Buffer> {
  const archive = pack();
  for (const folder of IMAGE_FOLDERS) {
    for (const name of readdirSync(join(CHECKOUT, folder))) {
      const path = join(folder, name);
      archive.entry({ name: `octo-mesh-0000000/${path}` }, change(path, readFileSync(join(CHECKOUT, path), "utf8")));
    }
  }
  archive.entry({ name: "octo-mesh-0000000/README.md" }, "not part of the image");
  archive.finalize();
  return gzipSync(await buffer(archive));
}
