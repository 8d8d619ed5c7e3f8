/** What govc's way of failing means. Its exit code is 1 for everything; what it printed has to say the rest. */

import type { GovcErrorKind } from "./govc-error.ts";

/** vSphere's fault types by what follows from them; the first that fits counts. */
const FAULT_KINDS: readonly (readonly [RegExp, GovcErrorKind])[] = [
  [/^InvalidLogin$/, "login refused"],
  [/^NotAuthenticated$/, "unauthenticated"],
  [/^NoPermission$/, "no permission"],
  [/^(RestrictedVersion|LicenseExpired|FeatureRequirementsNotMet|NotEnoughLicenses)$/, "licence read-only"],
  [/^(NotSupported|MethodNotFound|NotImplemented)$/, "not supported"],
  [/(DuplicateName|AlreadyExists|AlreadyBeingManaged)$/, "already exists"],
  [/NotFound$/, "not found"],
  [/^(InvalidPowerState|InvalidState|InvalidHostState|SnapshotFault|VmConfigFault)$/, "wrong state"],
  [/^(NoDiskSpace|FileTooLarge|Insufficient\w*|NumVirtualCpus\w*|MemorySize\w*|\w*LimitExceeded)$/, "no capacity"],
  [
    /^(ResourceInUse|TaskInProgress|ConcurrentAccess|FileLocked|(Tools|GuestOperations)Unavailable|HostCommunication)$/,
    "busy",
  ],
  [/^(HostNotConnected|HostNotReachable|HostConnectFault|Timedout|RequestCanceled)$/, "busy"],
  [/^Invalid\w*$/, "invalid argument"],
];

/** What govc says without a fault's type, or the host in its sentence; the first that fits counts. */
const TEXT_KINDS: readonly (readonly [RegExp, GovcErrorKind])[] = [
  // First: the usage text has words of all sorts in it.
  [/^Usage: |flag provided but not defined|^flag: help requested/m, "usage"],
  [/thumbprint does not match/, "certificate changed"],
  [/x509:|tls: failed to verify|certificate signed by unknown/, "certificate untrusted"],
  [/Login failure|incorrect user name or password/i, "login refused"],
  [/session is not authenticated|NotAuthenticated/i, "unauthenticated"],
  [/[Cc]urrent license or ESXi version prohibits/, "licence read-only"],
  [/Permission to perform this operation was denied/, "no permission"],
  [
    /connection re(?:fused|set)|broken pipe|no such host|no route to host|network is unreachable|i\/o timeout|TLS handshake timeout|server gave HTTP response|connection timed out|server misbehaving|(?:^|: )50[0234](?:\s|$)|\bEOF\s*$/,
    "unreachable",
  ],
  [/already exists/, "already exists"],
  [/resolves to multiple|matches multiple/, "ambiguous"],
  [/not found|no such VM|could not be found|has already been deleted/, "not found"],
  [/version specific feature not supported|not supported on|does not implement/, "not supported"],
];

export interface FailureText {
  readonly kind: GovcErrorKind;
  readonly fault?: string;
  /** One line for people. */
  readonly message: string;
}

export type Intent = "read" | "write";

/** Broken off after it was sent, perhaps: the host may have heard it, and may still be at it. */
const CUT_OFF = /connection reset|broken pipe|i\/o timeout|connection timed out|(?:^|: )50[024](?:\s|$)|\bEOF\s*$/;

/** @param stderr - Of a govc that ended with another code than 0; with `-xml` it names the fault's type. */
export function classifyFailure(stderr: string, intent: Intent): FailureText {
  const fault = /XMLSchema-instance:type="([A-Za-z]+)"/.exec(stderr)?.[1];
  const message = sentenceOf(stderr, fault);
  if (fault !== undefined) {
    return { kind: kindOf(fault, FAULT_KINDS) ?? kindOf(stderr, TEXT_KINDS) ?? "failed", fault, message };
  }
  const kind = kindOf(stderr, TEXT_KINDS) ?? "failed";
  const isUnknown = intent === "write" && kind === "unreachable" && CUT_OFF.test(stderr);
  return { kind: isUnknown ? "unknown outcome" : kind, message };
}

/** With `-json` govc prints a fault without its type. */
export function isUntypedFault(stderr: string): boolean {
  return /^\s*\{/.test(stderr);
}

function kindOf(text: string, kinds: typeof TEXT_KINDS): GovcErrorKind | undefined {
  return kinds.find(([pattern]) => pattern.test(text))?.[1];
}

/** What the host says in a sentence, where it does: it may be empty, or the simulator's name of a type. */
const SENTENCES = [/<localizedMessage>([^<]+)</, /<faultstring>([^<]+)</, /"localizedMessage":"([^"]+)"/];

/** The host's own sentence, else the fault's type, else what govc says, without the program's path before it. */
function sentenceOf(stderr: string, fault: string | undefined): string {
  const found = SENTENCES.map((pattern) => pattern.exec(stderr)?.[1]).find((text) => text?.includes(" "));
  const own = fault ?? (stderr.trim().split("\n", 1)[0] ?? "").replace(/^(?:\S*\/)?govc: /, "");
  const text = found === undefined ? own : decodeEntities(found);
  const sentence = text.length > 300 ? `${text.slice(0, 299)}…` : text;
  return found === undefined || fault === undefined ? sentence : `${sentence} (${fault})`;
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function decodeEntities(text: string): string {
  return text
    .replaceAll(/&#x([0-9a-f]{1,5});/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replaceAll(/&#(\d{1,6});/g, (_, digits: string) => String.fromCodePoint(Number(digits)))
    .replaceAll(/&(lt|gt|amp|quot|apos);/g, (_, name: string) => ENTITIES[name] ?? "");
}
