/** Where the host is, who we are there, and how its certificate is checked. */

import { GovcError } from "./govc-error.ts";

/** Without it the system's certificate authorities decide. */
export type TlsTrust =
  /** A PEM file with the authorities to trust. */
  | { readonly caFile: string }
  /** SHA-256 of the host's certificate as `AB:CD:…`; any other certificate is refused as `certificate changed`. */
  | { readonly thumbprint: string }
  /** Any certificate: for simulators only, since whoever is in between reads the password. */
  | { readonly insecure: true };

export interface GovcOptions {
  /** `https://HOST[:PORT]`, also with `/sdk`; no user in it. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly tls?: TlsTrust;
  /** The program's path; the first `govc` on PATH by default. */
  readonly govc?: string;
  /** The inventory path of the datacenter to work in, where there are several: nothing outside of it is seen. */
  readonly datacenter?: string;
  /** No call takes longer, unless it says so itself. */
  readonly timeoutMs?: number;
  /** Where the private folder is made that keeps the session; the system's temporary folder by default. */
  readonly stateParent?: string;
}

/** What any single call may be given. */
export interface CallOptions {
  /** Kills govc; the call then rejects with the signal's reason. What the host had begun goes on. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** Appears in the host's logs beside what this call did. */
  readonly operationId?: string | undefined;
}

const HOST_URL = /^https:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:\/sdk)?\/?$/i;
const THUMBPRINT = /^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/i;

/** @throws {GovcError} `usage`; a password is never shown. */
export function checkOptions({ url, username, password, tls, datacenter }: GovcOptions): void {
  if (!URL.canParse(url) || !HOST_URL.test(url)) {
    throw usage(`url must be https://HOST[:PORT], without a user in it, but is ${withoutUser(url)}`);
  }
  if (username === "" || password === "") throw usage("username and password must not be empty");
  for (const secret of [username, password]) {
    if (secret.includes("\0")) throw usage("username and password must not contain a NUL");
    // govc reads such a value as a file's name, and what is in that file without the blanks around it.
    if (secret.includes("/") && secret.trim() !== secret) {
      throw usage("a username or password that contains a slash must not begin or end with a blank");
    }
  }
  if (tls && "thumbprint" in tls && !THUMBPRINT.test(tls.thumbprint)) {
    throw usage("tls.thumbprint must be a SHA-256 as 32 pairs of hexadecimal digits with colons between");
  }
  if (datacenter !== undefined && /[*?[\]\\]/.test(datacenter)) throw usage("datacenter must not be a pattern");
}

/** `HOST:PORT` as govc's list of known hosts has it. */
export function hostAndPort(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || "443"}`;
}

function usage(message: string): GovcError {
  return new GovcError("usage", message, { command: "connect" });
}

function withoutUser(url: string): string {
  return JSON.stringify(url.replace(/\/\/[^/]*@/, "//…@"));
}
