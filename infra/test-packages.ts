/** Programs that only the tests need: databases and faults on the machine itself, without a node around them. */

import { installPackages } from "#infra/console/packages";
import { findProgram } from "#infra/console/commands";
import type { Consent } from "#infra/console/consent";
import type { Steps } from "#infra/console/steps";

/** By program, the Debian package that has it. */
const TEST_PROGRAMS: Readonly<Record<string, string>> = {
  // Without the package `mariadb-server`, which would start a database as a service.
  "mariadb-install-db": "mariadb-server-core",
  my_print_defaults: "mariadb-client-core", // which it runs
  // The disk for ESXi.
  objcopy: "binutils",
  sfdisk: "fdisk",
  "mkfs.vfat": "dosfstools",
  mcopy: "mtools",
  // Faults of networks and clocks.
  ip: "iproute2",
  nft: "nftables",
  faketime: "faketime",
};

/** @throws {UnavailableError} See `installPackages`. */
export async function ensureTestPrograms(steps: Steps, consent: Consent): Promise<void> {
  const missing = Object.entries(TEST_PROGRAMS).filter(([program]) => findProgram(program) === undefined);
  if (missing.length === 0) return;
  const programs = missing.map(([program]) => program).join(" and ");
  await installPackages(
    steps,
    consent,
    `Some tests run ${programs}.`,
    missing.map(([, name]) => name),
  );
}
