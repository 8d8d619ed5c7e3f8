#!/usr/bin/env node
/** `npm run bench [-- NAME…]`: these programs one after the other, or all. Options are each program's own. */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { EXIT } from "#model/errors";

const PROGRAMS = [
  "pacing",
  "flat-out",
  "mesh",
  "mesh-limit",
  "memory-engine",
  "barrier",
  "provisioning",
  "vms",
  "orchestration",
  "memory",
  "native-vs-docker",
  "qemu",
];

const names = process.argv.slice(2);
const unknown = names.filter((name) => !PROGRAMS.includes(name));
if (unknown.length > 0) {
  console.error(`error: no program ${unknown.join(", ")}; there are ${PROGRAMS.join(", ")}`);
  process.exitCode = EXIT.usage;
} else {
  for (const name of names.length > 0 ? names : PROGRAMS) {
    console.log(`\n── ${name}`);
    const { status } = spawnSync(process.execPath, [join(import.meta.dirname, `${name}.ts`)], { stdio: "inherit" });
    process.exitCode = Math.max(Number(process.exitCode ?? 0), status ?? EXIT.error);
  }
}
