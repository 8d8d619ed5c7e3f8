/**
 * The mark of a whole machine, whatever its runs are made of: a folder with one file for each claim.
 *
 * Each claim has a file name of its own, so that removing a stale one can never hit the one that came after it. Who wants
 * the machine announces that first, then looks around; whoever finds somebody else withdraws. Of two that come at once
 * either one or none gets the machine, never both. A second file says that a claim won, so that the same run finds it
 * again after a restart, whoever is looking around at that moment.
 */

import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { constants, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { isInTheWay } from "#activities/fence/fence-mark";
import type { FenceClaim, FenceHolder, FenceMark } from "#activities/fence/fence-mark";
import { ignoring } from "#activities/ignoring";
import { identifyProcess, isAlive } from "#activities/process-identity";
import type { ProcessIdentity } from "#activities/process-identity";
import { isLegible, isPastDeadline } from "#model/reaping";

const CLAIM = ".claim.json";
const HELD = ".held";

const claimFile = z.object({
  runId: z.string(),
  host: z.string(),
  deadlineAt: z.string(),
  domain: z.string(),
  /** A part of file names. */
  token: z.string().regex(/^[\w-]{1,200}$/),
  /** A machine that was restarted runs nothing of what ran before. */
  bootId: z.string(),
  /** The worker that took it. The nodes go on without it, so that its end alone says nothing. */
  owner: z.object({ pid: z.int(), startTicks: z.int() }),
  engineId: z.string().optional(),
});
type ClaimFile = z.infer<typeof claimFile>;

interface LockFilesOptions {
  readonly now?: () => Date;
  readonly findOtherDirs?: () => readonly string[];
}

export class LockFiles implements FenceMark {
  readonly #dir: string;
  readonly #now: () => Date;
  readonly #findOtherDirs: () => readonly string[];

  /**
   * @param dir - Made where it is missing; the same for all installations on the machine, as far as users' rights allow.
   * @param options.findOtherDirs - Where those have theirs who do not use this one. They are only read.
   */
  constructor(dir: string, { now = () => new Date(), findOtherDirs = () => [] }: LockFilesOptions = {}) {
    this.#dir = dir;
    this.#now = now;
    this.#findOtherDirs = findOtherDirs;
  }

  async take(claim: FenceClaim): Promise<FenceHolder | undefined> {
    const isHeld = await this.holds(claim.token);
    // What a run held until its deadline it holds no longer when it goes on after an interruption.
    if (!isHeld) await rm(this.#path(claim.token, HELD), { force: true });
    await this.#announce(claim);
    if (isHeld) return undefined;
    const others = (await this.list()).filter(({ token }) => token !== claim.token);
    const [stale, current] = this.#splitStale(others);
    const inTheWay = current.find((other) => isInTheWay(other, claim));
    if (inTheWay) {
      await this.#remove(claim.token);
      return inTheWay;
    }
    await writeFile(this.#path(claim.token, HELD), "", { mode: 0o644 });
    // A worker that stood still until its run was over: nobody would look for this file again.
    if (!(await this.#names()).includes(`${claim.token}${CLAIM}`)) await this.#remove(claim.token);
    for (const { token } of stale) await this.#remove(token);
    return undefined;
  }

  async holds(token: string): Promise<boolean> {
    const isHeld = (await this.#names()).includes(`${token}${HELD}`);
    const claim = isHeld ? await this.#read(`${token}${CLAIM}`) : undefined;
    return claim !== undefined && claim.bootId === bootId() && Date.parse(claim.deadlineAt) > this.#now().getTime();
  }

  async list(): Promise<FenceHolder[]> {
    const names = (await this.#names()).filter((name) => name.endsWith(CLAIM));
    const holders = await Promise.all(names.map((name) => this.#holderOf(name)));
    return [...holders.filter((holder) => holder !== undefined), ...(await this.#listElsewhere())];
  }

  /** Another user's: what is no claim counts as nothing, and no link is followed. */
  async #listElsewhere(): Promise<FenceHolder[]> {
    const holders = this.#findOtherDirs().map(async (dir) => {
      const names = (await readdir(dir).catch(() => [])).filter((name) => name.endsWith(CLAIM));
      const claims = names.map(async (name) => ({ name, claim: await readStrangersClaim(join(dir, name)) }));
      return (await Promise.all(claims)).flatMap(({ name, claim }) =>
        claim === undefined ? [] : [holderFrom(claim, `lock file ${join(dir, name)}`)],
      );
    });
    return (await Promise.all(holders)).flat();
  }

  async release(runId: string): Promise<void> {
    for (const { token } of (await this.list()).filter((holder) => holder.runId === runId)) await this.#remove(token);
  }

  #splitStale(holders: readonly FenceHolder[]): [stale: FenceHolder[], current: FenceHolder[]] {
    const now = this.#now();
    const isStale = ({ deadlineAt }: FenceHolder) => isPastDeadline(deadlineAt, now);
    return [holders.filter(isStale), holders.filter((holder) => !isStale(holder))];
  }

  /** There whole or not at all: a reader never sees half a file. */
  async #announce(claim: FenceClaim): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    const temporary = join(this.#dir, `${claim.token}.${randomUUID()}.tmp`);
    const content = claimFile.parse({ ...claim, bootId: bootId(), owner: ownIdentity() });
    await writeFile(temporary, `${JSON.stringify(content)}\n`, { mode: 0o644, flag: "wx" });
    await rename(temporary, this.#path(claim.token, CLAIM));
  }

  async #holderOf(name: string): Promise<FenceHolder | undefined> {
    const where = `lock file ${join(this.#dir, name)}`;
    try {
      const claim = await this.#read(name);
      if (claim === undefined) return undefined;
      return holderFrom(claim, where);
    } catch (error) {
      // Of a version to come, or broken: it holds until somebody who understands it takes it away.
      if (error instanceof z.ZodError || error instanceof SyntaxError) {
        return { runId: "", host: "", deadlineAt: "", token: name.slice(0, -CLAIM.length), where };
      }
      throw error;
    }
  }

  async #read(name: string): Promise<ClaimFile | undefined> {
    const text = await ignoring("ENOENT", readFile(join(this.#dir, name), "utf8"));
    return text === undefined ? undefined : claimFile.parse(JSON.parse(text));
  }

  /**
   * The claim goes last: as long as it is there, nobody else gets the machine. Another user's stay, as in /tmp; where they
   * are over nobody minds them.
   */
  async #remove(token: string): Promise<void> {
    const others = (await this.#names()).filter((name) => name.startsWith(`${token}.`) && !name.endsWith(CLAIM));
    for (const name of [...others, `${token}${CLAIM}`])
      await ignoring("EPERM", rm(join(this.#dir, name), { force: true }));
    // A worker that was started again may use another folder than before. Root's is always the same, and it removes
    // nothing in folders that others may turn into links.
    if (process.getuid?.() === 0) return;
    for (const dir of this.#findOtherDirs())
      for (const suffix of [HELD, CLAIM]) await rm(join(dir, `${token}${suffix}`), { force: true }).catch(() => {});
  }

  async #names(): Promise<string[]> {
    return (await ignoring("ENOENT", readdir(this.#dir))) ?? [];
  }

  #path(token: string, suffix: string): string {
    return join(this.#dir, `${token}${suffix}`);
  }
}

function holderFrom(claim: ClaimFile, where: string): FenceHolder {
  const { runId, host, token, domain, engineId, owner } = claim;
  const deadlineAt = claim.bootId === bootId() ? claim.deadlineAt : new Date(0).toISOString();
  const holder = { runId, host, deadlineAt, token, where, sharedWithDomain: domain };
  return engineId === undefined || isAlive(owner) ? holder : { ...holder, deadOwnerEngineId: engineId };
}

/** More is no claim. */
const CLAIM_BYTES_MOST = 16 * 1024;

async function readStrangersClaim(path: string): Promise<ClaimFile | undefined> {
  try {
    // A pipe would keep whoever opens it waiting.
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile() || stat.size > CLAIM_BYTES_MOST) return undefined;
      const claim = claimFile.parse(JSON.parse(await file.readFile("utf8")));
      return isLegible(claim) && /^[\w.-]{1,64}$/.test(claim.host) ? claim : undefined;
    } finally {
      await file.close();
    }
  } catch {
    return undefined;
  }
}

function ownIdentity(): ProcessIdentity {
  const identity = identifyProcess(process.pid);
  if (identity === undefined) throw new Error("this process is not in /proc");
  return identity;
}

const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
