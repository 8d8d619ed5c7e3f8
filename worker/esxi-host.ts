/** From the operator's settings of an ESXi host to the provider of its nodes: its password read, its program found. */

import { accessSync, constants } from "node:fs";
import { dirname, resolve } from "node:path";
import { findVmDisk, vmDiskId } from "#activities/image/vm-disk";
import { EsxiProvider } from "#activities/providers/esxi";
import type { GovcOptions } from "#govc-wrapper";
import { InputError } from "#model/errors";
import type { EsxiSettings } from "#worker/esxi-settings";
import { ensureGovcStateDir } from "#worker/govc-state";
import { govcOfSetUp } from "#worker/installation";
import type { Installation } from "#worker/installation";
import { readPrivateFile } from "#worker/private-file";

/** @throws {InputError} A file that the settings name is missing, or others may read it. */
export function openEsxiProvider(hostId: string, settings: EsxiSettings, installation: Installation): EsxiProvider {
  const { url, username, datacenter, datastore, network, template, domain, disks } = settings;
  const { resource_pool: resourcePool, folder } = settings;
  const tls = trustOf(settings, installation);
  const connect: GovcOptions = {
    url,
    username,
    password: readPassword(hostId, settings, installation),
    govc: locateGovc(installation),
    stateParent: ensureGovcStateDir(installation.home),
    ...(tls && { tls }),
    ...(datacenter !== undefined && { datacenter }),
  };
  const source = {
    currentId: () => vmDiskId("esxi"),
    find: (id: string) => findVmDisk(installation.cache, "esxi", id),
  };
  return new EsxiProvider({
    hostId,
    connect,
    place: { datastore, network, resourcePool, folder },
    disks,
    template,
    domain,
    source,
  });
}

function readPassword(hostId: string, { password_file: file }: EsxiSettings, { hostsFile }: Installation): string {
  const field = `hosts.${hostId}.esxi.password_file`;
  const path = resolve(dirname(hostsFile), file);
  const password = readPrivateFile(path, field)?.replace(/\r?\n$/, "");
  if (password) return password;
  const rule = password === undefined ? "no such file" : "has no password in its first line";
  throw new InputError([{ field, value: path, rule, hint: "write the password into it, then chmod 600" }]);
}

function trustOf(settings: EsxiSettings, { hostsFile }: Installation): GovcOptions["tls"] {
  const { thumbprint, ca_file: caFile, insecure } = settings;
  if (thumbprint !== undefined) return { thumbprint };
  if (caFile !== undefined) return { caFile: resolve(dirname(hostsFile), caFile) };
  return insecure && { insecure };
}

/** The one that set-up compiled, else whichever is on the PATH. */
export function locateGovc(installation: Installation): string {
  const compiled = govcOfSetUp(installation);
  try {
    accessSync(compiled, constants.X_OK);
    return compiled;
  } catch {
    return "govc";
  }
}
