/** An ESXi host or a vCenter in the operator's file. */

import { z } from "zod";

const NO_PATTERN = /^[^*?[\]\\\p{C}]{1,250}$/u;
const SHA256 = /^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/i;

/** A name or an inventory path; govc would take a pattern for whatever fits it. */
function objectName(what: string) {
  return z
    .string(`must be the name of ${what}`)
    .regex(NO_PATTERN, `must be the name of ${what}, without * ? [ ] or \\`);
}

const ADDRESS = /^https:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:\/sdk)?\/?$/i;

// Aborts: what may hold a password is checked, and shown, no further.
const url = z
  .string("must be an address such as https://esxi.example")
  .refine((text) => !text.includes("@"), {
    error: "no user or password belongs in an address; value not echoed",
    abort: true,
  })
  .refine((text) => text.startsWith("https://"), { error: "must begin with https://", abort: true })
  .regex(ADDRESS, "must be https://HOST or https://HOST:PORT, without a path");

export const esxiShape = z
  .strictObject({
    url,
    username: z.string("must be a user's name").min(1, "must be a user's name"),
    /** Relative to hosts.yaml; 0600. */
    password_file: z.string("must be the path of a file 0600").min(1, "must be the path of a file 0600"),
    /** One of these three says whose certificate it is; without any, the system's authorities do. */
    thumbprint: z
      .string("must be a SHA-256, as AB:CD:…")
      .regex(SHA256, "must be a SHA-256: 32 pairs of hexadecimal digits with colons between")
      .optional(),
    /** Relative to hosts.yaml. */
    ca_file: z.string("must be the path of a PEM file").min(1, "must be the path of a PEM file").optional(),
    insecure: z.literal(true, "only true, where it is needed at all").optional(),
    datacenter: objectName("a datacenter").optional(),
    datastore: objectName("a datastore"),
    network: objectName("a port group"),
    resource_pool: objectName("a resource pool").optional(),
    folder: objectName("a folder of VMs").optional(),
    /** Default: `linked`. */
    disks: z.enum(["linked", "full"], "must be linked or full").optional(),
    /** A VM that was made by hand; without it the image is imported once. */
    template: objectName("a VM").optional(),
    /** Appended to a VM's name where its address is looked up by it. */
    domain: z
      .string("must be a domain such as lab.example")
      .regex(/^[a-z0-9]([a-z0-9.-]{0,200}[a-z0-9])?$/i, "must be a domain such as lab.example")
      .optional(),
  })
  .refine(
    ({ thumbprint, ca_file: caFile, insecure }) =>
      [thumbprint, caFile, insecure].filter((way) => way !== undefined).length <= 1,
    "at most one of thumbprint, ca_file and insecure",
  );

export type EsxiSettings = z.infer<typeof esxiShape>;
