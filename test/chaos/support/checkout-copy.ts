/** A copy of this checkout whose code a test may change, as a version to come would, or a developer by mistake. */

import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CHECKOUT = fileURLToPath(new URL("../../../", import.meta.url));
/** What no worker runs. */
const LEFT_OUT = new Set([".git", "node_modules", "test", "docs", "bench"]);

export class CheckoutCopy implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "meshbench-checkout-"));

  constructor() {
    for (const part of readdirSync(CHECKOUT).filter((name) => !LEFT_OUT.has(name))) {
      cpSync(join(CHECKOUT, part), join(this.path, part), { recursive: true });
    }
    symlinkSync(join(CHECKOUT, "node_modules"), join(this.path, "node_modules"));
  }

  /**
   * From the next start of its worker on.
   * @throws Where `from` is not there once: the test would break nothing.
   */
  change(file: string, from: string, to: string): void {
    const path = join(this.path, file);
    const parts = readFileSync(path, "utf8").split(from);
    if (parts.length !== 2) throw new Error(`${file} has ${JSON.stringify(from)} ${parts.length - 1} times`);
    writeFileSync(path, parts.join(to));
  }

  /** The file is as it was. */
  mend(file: string): void {
    cpSync(join(CHECKOUT, file), join(this.path, file));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
