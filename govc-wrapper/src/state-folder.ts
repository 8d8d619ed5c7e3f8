/** The private folder of one connection: govc's session, secrets that cannot go by environment, an empty working folder. */

import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostAndPort } from "./options.ts";
import type { GovcOptions } from "./options.ts";

export class StateFolder {
  readonly path: string;
  /**
   * Where govc runs, always empty: govc takes a password for a file's name if such a file is there, and would log in with
   * what it contains.
   */
  readonly cwd: string;

  private constructor(path: string) {
    this.path = path;
    this.cwd = join(path, "cwd");
  }

  static async create(parent = tmpdir()): Promise<StateFolder> {
    const folder = new StateFolder(await mkdtemp(join(parent, "govc-")));
    await chmod(folder.path, 0o700);
    await mkdir(folder.cwd, { mode: 0o500 });
    return folder;
  }

  async writeSecret(name: string, content: string): Promise<string> {
    const path = join(this.path, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  }

  /** The next call logs in anew. */
  async dropSession(): Promise<void> {
    await rm(join(this.path, "sessions"), { recursive: true, force: true });
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}

/** All that govc gets to know of its surroundings. No variable of this process is in it, no proxy's either. */
export async function childEnvironment(options: GovcOptions, folder: StateFolder): Promise<Record<string, string>> {
  const { url, username, password, tls, datacenter } = options;
  return {
    HOME: folder.path,
    GOVMOMI_HOME: folder.path,
    // With its host in small letters, as the list of known hosts has it.
    GOVC_URL: new URL(url).href,
    GOVC_USERNAME: await asValueOrFile("username", username, folder),
    GOVC_PASSWORD: await asValueOrFile("password", password, folder),
    GOVC_INDENT: "false",
    // Only to find govc itself.
    PATH: process.env["PATH"] ?? "",
    ...(datacenter !== undefined && { GOVC_DATACENTER: datacenter }),
    ...(tls && "caFile" in tls && { GOVC_TLS_CA_CERTS: tls.caFile }),
    ...(tls && "insecure" in tls && { GOVC_INSECURE: "true" }),
    ...(tls && "thumbprint" in tls && { GOVC_TLS_KNOWN_HOSTS: await writeKnownHost(url, tls.thumbprint, folder) }),
  };
}

/** With a slash in it, a value could name a file elsewhere that govc would read instead. */
async function asValueOrFile(name: string, value: string, folder: StateFolder): Promise<string> {
  return value.includes("/") ? folder.writeSecret(name, value) : value;
}

async function writeKnownHost(url: string, thumbprint: string, folder: StateFolder): Promise<string> {
  return folder.writeSecret("known_hosts", `${hostAndPort(url)} ${thumbprint.toUpperCase()}\n`);
}
