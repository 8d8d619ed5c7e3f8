/**
 * The mark of an ESXi host: empty folders on the datastore that runs use, whose names say all. Who wants the host makes
 * its folder first, then looks around; whoever finds somebody else's withdraws. Of two that come at once either one or
 * none gets the host, never both. A second folder says that a claim won, so that the same run finds it again.
 *
 * Installations that share a host see each other where they name the same datastore in hosts.yaml.
 */

import type { EngineFence, FenceClaim, FenceHolder } from "#activities/fence/fence-mark";
import { isGovcError } from "#activities/providers/esxi-connection";
import type { EsxiConnection } from "#activities/providers/esxi-connection";
import type { DatastoreInfo } from "#govc-wrapper";
import { isPastDeadline } from "#model/reaping";

const FOLDER = "meshbench-lease";
const HELD = ".held";

/** Run ids, host ids and tokens have no underscore in them. */
const claimNameOf = ({ runId, host, deadlineAt, token }: FenceClaim): string =>
  [runId, host, Date.parse(deadlineAt), token].join("_");

function parseClaim(name: string): Omit<FenceHolder, "where"> | undefined {
  const [, runId = "", host = "", deadlineMs, token = ""] = /^([^_]+)_([^_]+)_(\d+)_([^_.]+)$/.exec(name) ?? [];
  if (deadlineMs === undefined) return undefined;
  return { runId, host, deadlineAt: new Date(Number(deadlineMs)).toISOString(), token };
}

export class EsxiLease implements EngineFence {
  readonly #connection: EsxiConnection;
  readonly #datastore: () => Promise<DatastoreInfo>;
  readonly #now: () => Date;

  /** @param datastore - The one that runs use. */
  constructor(connection: EsxiConnection, datastore: () => Promise<DatastoreInfo>, now: () => Date) {
    this.#connection = connection;
    this.#datastore = datastore;
    this.#now = now;
  }

  async take(claim: FenceClaim, signal: AbortSignal): Promise<FenceHolder | undefined> {
    const name = claimNameOf(claim);
    const before = await this.#names();
    if (before.includes(name) && before.includes(`${name}${HELD}`)) return undefined;
    // Whoever has the host keeps it over a new deadline: those who come meanwhile withdraw.
    const isHeld = this.#isHeldBy(claim.token, before);
    const [early] = isHeld ? [] : this.#othersThan(claim.token, before).current;
    if (early) return this.#withdraw(claim, before, early);
    signal.throwIfAborted();
    await this.#make(name);
    const names = await this.#names();
    const { current, stale } = this.#othersThan(claim.token, names);
    const [other] = isHeld ? [] : current;
    if (other) return this.#withdraw(claim, names, other);
    await this.#make(`${name}${HELD}`);
    const outdated = namesOf(claim.token, names).filter((own) => !own.startsWith(name));
    await this.#remove([...outdated, ...stale.flatMap(({ token }) => namesOf(token, names))]);
    return undefined;
  }

  async engineId(): Promise<string> {
    return (await this.#connection.converge(undefined, this.#datastore)).url;
  }

  async holds(token: string): Promise<boolean> {
    return this.#isHeldBy(token, await this.#names());
  }

  async list(): Promise<FenceHolder[]> {
    return holdersIn(await this.#names()).map(({ name: _, ...holder }) => holder);
  }

  async release(runId: string): Promise<void> {
    const names = await this.#names();
    const tokens = holdersIn(names).filter((holder) => holder.runId === runId);
    await this.#remove(tokens.flatMap(({ token }) => namesOf(token, names)));
  }

  #isHeldBy(token: string, names: readonly string[]): boolean {
    const now = this.#now().getTime();
    return holdersIn(names).some(
      (holder) =>
        holder.token === token && names.includes(`${holder.name}${HELD}`) && Date.parse(holder.deadlineAt) > now,
    );
  }

  async #withdraw({ token }: FenceClaim, names: readonly string[], other: FenceHolder): Promise<FenceHolder> {
    await this.#remove(namesOf(token, names));
    return other;
  }

  #othersThan(token: string, names: readonly string[]): { current: FenceHolder[]; stale: FenceHolder[] } {
    const now = this.#now();
    const others = holdersIn(names)
      .filter((holder) => holder.token !== token)
      .map(({ name: _, ...holder }) => holder);
    const isStale = ({ deadlineAt }: FenceHolder) => isPastDeadline(deadlineAt, now);
    return { current: others.filter((one) => !isStale(one)), stale: others.filter(isStale) };
  }

  #names(): Promise<string[]> {
    return this.#connection.converge(undefined, async (govc) => {
      try {
        return await govc.datastore.ls({ datastore: (await this.#datastore()).ref, path: FOLDER });
      } catch (error) {
        if (isGovcError(error, "not found")) return [];
        throw error;
      }
    });
  }

  async #make(name: string): Promise<void> {
    await this.#connection.converge(undefined, async (govc) =>
      govc.datastore.mkdir({ datastore: (await this.#datastore()).ref, path: `${FOLDER}/${name}` }),
    );
  }

  /** The claim goes after what says that it won: as long as it is there, nobody else gets the host. */
  async #remove(names: readonly string[]): Promise<void> {
    for (const name of names.toSorted((a, b) => b.length - a.length)) {
      await this.#connection.converge(undefined, async (govc) => {
        try {
          await govc.datastore.rm({ datastore: (await this.#datastore()).ref, path: `${FOLDER}/${name}` });
        } catch (error) {
          if (!isGovcError(error, "not found")) throw error;
        }
      });
    }
  }
}

const namesOf = (token: string, names: readonly string[]): string[] =>
  names.filter((name) => name.endsWith(`_${token}`) || name.endsWith(`_${token}${HELD}`));

function holdersIn(names: readonly string[]): (FenceHolder & { readonly name: string })[] {
  return names.flatMap((name) => {
    const claim = parseClaim(name);
    return claim ? [{ ...claim, name, where: `folder ${FOLDER}/${name}` }] : [];
  });
}
