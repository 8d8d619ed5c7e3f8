/** What can go wrong with a call, sorted by what its caller can do about it. */

/**
 * The closed set. `isRetryable`: the same call may succeed later, once the caller has looked what the last one did; the others
 * fail the same way again.
 */
export const GOVC_ERROR_KINDS = {
  /** Nobody answered, or something between said 50x. A read that took too long counts as this. */
  unreachable: { isRetryable: true },
  /** Another task has the object, or the guest's tools are not up yet. */
  busy: { isRetryable: true },
  /** A write was cut off by its time limit or by its connection: it may have happened, may still happen, or not. */
  "unknown outcome": { isRetryable: true },
  /** The session ended within the call; the next one logs in anew. */
  unauthenticated: { isRetryable: true },
  "login refused": { isRetryable: false },
  "no permission": { isRetryable: false },
  "not found": { isRetryable: false },
  "already exists": { isRetryable: false },
  /** Several objects fit where one was asked for. */
  ambiguous: { isRetryable: false },
  /** The object is not in the state that the call needs; it may be in the wanted one already. */
  "wrong state": { isRetryable: false },
  "no capacity": { isRetryable: false },
  /** The licence allows reading only, as that of a free ESXi does. */
  "licence read-only": { isRetryable: false },
  /** Not on this kind of host: a standalone ESXi clones nothing. */
  "not supported": { isRetryable: false },
  /** The certificate is signed by nobody who is trusted, or is for another name. */
  "certificate untrusted": { isRetryable: false },
  /** The certificate is not the one whose thumbprint was given. */
  "certificate changed": { isRetryable: false },
  /** The host refused an argument. */
  "invalid argument": { isRetryable: false },
  /** The call was malformed before anything was sent, or this govc does not know it. */
  usage: { isRetryable: false },
  /** There is no govc to run. */
  "no govc": { isRetryable: false },
  /** govc printed what this wrapper does not understand. */
  "bad answer": { isRetryable: false },
  /** Anything else; `fault` and `stderr` say what. */
  failed: { isRetryable: false },
} as const satisfies Record<string, { readonly isRetryable: boolean }>;

export type GovcErrorKind = keyof typeof GOVC_ERROR_KINDS;

export interface GovcErrorDetails {
  /** govc's command, such as `vm.power`. */
  readonly command: string;
  /** The vSphere fault's type, such as `InvalidPowerState`, where govc named one. */
  readonly fault?: string | undefined;
  /** govc's exit code; absent where it was killed or never ran. */
  readonly exitCode?: number | undefined;
  /** What govc printed there, secrets masked. */
  readonly stderr?: string | undefined;
  readonly cause?: unknown;
}

/** A call that failed. Its message names command and kind, and carries no secret. */
export class GovcError extends Error {
  override readonly name = "GovcError";
  readonly kind: GovcErrorKind;
  readonly command: string;
  readonly fault: string | undefined;
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(kind: GovcErrorKind, message: string, { command, fault, exitCode, stderr, cause }: GovcErrorDetails) {
    super(`${command}: ${kind}: ${message}`, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.command = command;
    this.fault = fault;
    this.exitCode = exitCode;
    this.stderr = stderr ?? "";
  }

  /** Whether the same call may succeed later. Read the state first where it was a write. */
  get isRetryable(): boolean {
    return GOVC_ERROR_KINDS[this.kind].isRetryable;
  }
}
