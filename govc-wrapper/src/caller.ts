/** How every call goes: a session that is alive, govc, then an answer that is understood or an error that is sorted. */

import { accessSync } from "node:fs";
import { z } from "zod";
import { toFlags } from "./arguments.ts";
import type { Flags } from "./arguments.ts";
import { runChild } from "./child.ts";
import type { ChildEnd } from "./child.ts";
import { classifyFailure, isUntypedFault } from "./failure.ts";
import type { Intent } from "./failure.ts";
import { GovcError } from "./govc-error.ts";
import type { GovcErrorKind } from "./govc-error.ts";
import { parseDocuments, withSmallKeys } from "./json.ts";
import type { CallOptions, GovcOptions } from "./options.ts";
import type { StateFolder } from "./state-folder.ts";

/** A govc command with its arguments. */
export interface Command {
  /** Such as `vm.power`. */
  readonly name: string;
  readonly flags?: Flags;
  /** After the flags, taken literally. */
  readonly operands?: readonly string[];
}

export interface WriteCommand extends Command {
  /**
   * Carried out twice it ends the same, or says so by its kind of error. Such a call is repeated by itself where the session
   * had ended; the others are left to the caller, who has to look first what is there.
   */
  readonly isRepeatable: boolean;
}

/** The host's certificate as it is, whoever signed it: no credentials are sent. */
export const ABOUT_CERTIFICATE: Command = { name: "about.cert", flags: { k: true } };
export const CERTIFICATE = z
  .object({ subject: z.string(), issuer: z.string(), notAfter: z.string(), thumbprintSHA256: z.string() })
  .transform(({ thumbprintSHA256: thumbprint, ...rest }) => ({ ...rest, thumbprint }));

const DEFAULT_TIMEOUT_MS = 30_000;
/** After this long without a call, one alone looks whether the session is still alive before others follow in parallel. */
const SESSION_FRESH_MS = 5 * 60_000;
/** A host locks an account after a few wrong passwords, ESXi by default after five; it counts anew after so long. */
const REFUSAL_MS = 15 * 60_000;

export class Caller {
  readonly #options: GovcOptions;
  readonly #folder: StateFolder;
  readonly #env: Readonly<Record<string, string>>;
  #sessionUsedAt = Number.NEGATIVE_INFINITY;
  #login: Promise<void> | undefined;
  #refusal: { readonly error: GovcError; readonly untilMs: number } | undefined;

  constructor(options: GovcOptions, folder: StateFolder, env: Readonly<Record<string, string>>) {
    this.#options = options;
    this.#folder = folder;
    this.#env = env;
  }

  /** The inventory path that all look-ups begin at. */
  get root(): string {
    return `/${(this.#options.datacenter ?? "").replace(/^\//, "")}`;
  }

  /** @throws {GovcError} */
  async read<Schema extends z.ZodType>(command: Command, schema: Schema, call: CallOptions): Promise<z.output<Schema>> {
    const [answer = null] = await this.#readDocuments(command, call);
    return this.#understand(command, schema, answer);
  }

  /** One entry for each document that govc prints. @throws {GovcError} */
  async readAll<Schema extends z.ZodType>(
    command: Command,
    schema: Schema,
    call: CallOptions,
  ): Promise<z.output<Schema>[]> {
    return this.#understand(command, z.array(schema), await this.#readDocuments(command, call));
  }

  /** For what has no form but text. @throws {GovcError} */
  async readText(command: Command, call: CallOptions): Promise<string> {
    const end = await this.#withSession(call, true, () => this.#runOnce("read", command, {}, call));
    return end.stdout;
  }

  /** In XML, since that alone names the fault's type. @throws {GovcError} */
  async write(command: WriteCommand, call: CallOptions): Promise<void> {
    await this.#withSession(call, command.isRepeatable, () => this.#runOnce("write", command, { xml: true }, call));
  }

  /** Without a session: what anybody may ask. @throws {GovcError} */
  async readWithoutLogin<Schema extends z.ZodType>(
    command: Command,
    schema: Schema,
    call: CallOptions,
  ): Promise<z.output<Schema>> {
    const { stdout } = await this.#runOnce("read", command, { json: true }, call);
    return this.#understand(command, schema, withSmallKeys(parseDocuments(stdout)[0]));
  }

  /** The first call, alone: many at once with no session yet would each log in, and read half-written files of the others. */
  async ensureSession(call: CallOptions): Promise<void> {
    if (performance.now() - this.#sessionUsedAt < SESSION_FRESH_MS) return;
    await this.#logIn(call);
  }

  /** @throws {GovcError} */
  async logOut(call: CallOptions): Promise<void> {
    // Without one it would log in.
    if (this.#sessionUsedAt === Number.NEGATIVE_INFINITY || this.#refusal) return;
    await this.#runOnce("read", { name: "session.logout" }, {}, call);
  }

  /** @throws {GovcError} `login refused`, without asking, for a while after the host did. */
  #respectRefusal(): void {
    if (this.#refusal && performance.now() < this.#refusal.untilMs) throw this.#refusal.error;
    this.#refusal = undefined;
  }

  async #logIn(call: CallOptions): Promise<void> {
    this.#login ??= this.#logInAlone({ ...call, signal: undefined }).finally(() => {
      this.#login = undefined;
    });
    await this.#login;
    call.signal?.throwIfAborted();
  }

  async #logInAlone(call: CallOptions): Promise<void> {
    await this.#keepFresh(() => this.#runOnce("read", { name: "about" }, { xml: true }, call));
  }

  async #withSession(call: CallOptions, isRepeatable: boolean, work: () => Promise<ChildEnd>): Promise<ChildEnd> {
    this.#respectRefusal();
    await (this.#login ?? this.ensureSession(call));
    try {
      return await this.#keepFresh(work);
    } catch (error) {
      if (!(error instanceof GovcError) || error.kind !== "unauthenticated") throw error;
      if (!this.#login) await this.#folder.dropSession();
      await this.#logIn(call);
      if (!isRepeatable) throw error;
      return this.#keepFresh(work);
    }
  }

  async #keepFresh(work: () => Promise<ChildEnd>): Promise<ChildEnd> {
    const end = await work();
    this.#sessionUsedAt = performance.now();
    return end;
  }

  async #readDocuments(command: Command, call: CallOptions): Promise<unknown[]> {
    const { stdout } = await this.#withSession(call, true, () => this.#readTyped(command, call));
    try {
      return parseDocuments(stdout).map(withSmallKeys);
    } catch (error) {
      const message = `no JSON: ${this.#mask(stdout.slice(0, 200))}`;
      throw new GovcError("bad answer", message, { command: command.name, cause: error });
    }
  }

  /** govc names no fault's type in JSON: a read that failed with one is asked again in XML, where it does. */
  async #readTyped(command: Command, call: CallOptions): Promise<ChildEnd> {
    try {
      return await this.#runOnce("read", command, { json: true }, call);
    } catch (error) {
      if (!(error instanceof GovcError) || !isUntypedFault(error.stderr)) throw error;
      await this.#runOnce("read", command, { xml: true }, call);
      return this.#runOnce("read", command, { json: true }, call);
    }
  }

  async #runOnce(
    intent: Intent,
    { name, flags = {}, operands = [] }: Command,
    format: { json?: true; xml?: true },
    { signal, timeoutMs = this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS, operationId }: CallOptions,
  ): Promise<ChildEnd> {
    const args = [name, ...toFlags({ ...format, ...flags }), ...(operands.length > 0 ? ["--", ...operands] : [])];
    const env = operationId === undefined ? this.#env : { ...this.#env, GOVC_OPERATION_ID: operationId };
    const program = this.#options.govc ?? "govc";
    let end: ChildEnd;
    try {
      end = await runChild({ program, args, cwd: this.#folder.cwd, env, timeoutMs, signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw this.#explainSpawn(error, name, program);
    }
    if (end.exitCode === 0 && !end.killedFor) return end;
    throw await this.#explainEnd(end, intent, name, timeoutMs);
  }

  #explainSpawn(error: unknown, command: string, program: string): GovcError {
    // The working folder that went away looks just like a program that is not there.
    const isFolderThere = canAccess(this.#folder.cwd);
    if (!isFolderThere) return new GovcError("usage", "this connection was closed", { command, cause: error });
    return new GovcError("no govc", `cannot run ${program}`, { command, cause: error });
  }

  async #explainEnd(end: ChildEnd, intent: Intent, command: string, timeoutMs: number): Promise<GovcError> {
    const stderr = this.#mask(end.stderr).slice(0, 8192);
    const details = { command, stderr, ...(end.exitCode !== null && { exitCode: end.exitCode }) };
    if (end.killedFor === "output") return new GovcError("bad answer", "it does not stop printing", details);
    if (end.killedFor === "timeout") {
      const kind = intent === "read" ? "unreachable" : "unknown outcome";
      return new GovcError(kind, `no answer within ${timeoutMs / 1000} s`, details);
    }
    if (end.exitCode === null) return new GovcError("unknown outcome", "something killed govc", details);
    const { kind, fault, message: rawMessage } = classifyFailure(end.stderr, intent);
    const message = `${this.#mask(rawMessage)}${await this.#particularsOf(kind)}`;
    const error = new GovcError(kind, message, { ...details, fault });
    if (kind === "login refused") this.#refusal = { error, untilMs: performance.now() + REFUSAL_MS };
    return error;
  }

  #understand<Schema extends z.ZodType>({ name }: Command, schema: Schema, answer: unknown): z.output<Schema> {
    const parsed = schema.safeParse(answer);
    if (parsed.success) return parsed.data;
    throw new GovcError("bad answer", z.prettifyError(parsed.error), { command: name });
  }

  /** What whoever mends it has to know, and the host does not say. */
  async #particularsOf(kind: GovcErrorKind): Promise<string> {
    if (kind === "login refused") {
      return `, user ${this.#options.username}; not tried again by this connection for ${REFUSAL_MS / 60_000} minutes`;
    }
    const isOfCertificate = kind === "certificate changed" || kind === "certificate untrusted";
    return isOfCertificate ? `; the host now shows ${await this.#shownThumbprint()}` : "";
  }

  /** For people to compare; nothing is trusted because of it. */
  async #shownThumbprint(): Promise<string> {
    try {
      return (await this.readWithoutLogin(ABOUT_CERTIFICATE, CERTIFICATE, {})).thumbprint;
    } catch (error) {
      return `none (${error instanceof Error ? error.message : String(error)})`;
    }
  }

  #mask(text: string): string {
    return text.replaceAll(this.#options.password, "…").replaceAll(/(:\/\/[^\s/:@]*):[^\s/@]+@/g, "$1:…@");
  }
}

function canAccess(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
