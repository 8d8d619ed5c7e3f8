/** What the engine itself says that happened, from the moment it is asked: no log of ours is believed here. */

import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import Docker from "dockerode";
import { LABEL } from "#model/ids";
import { resolveDockerEndpoint } from "#activities/providers/docker-endpoint";

export interface EngineEvent {
  /** Milliseconds since 1970, with fractions. */
  readonly timeMs: number;
  /** `container`, `network`, `volume`, … */
  readonly type: string;
  /** `create`, `start`, `die`, `destroy`, `mount`, … */
  readonly action: string;
  readonly id: string;
  /** Name and labels of a container; name of a network; container of a volume. */
  readonly attributes: Readonly<Record<string, string>>;
}

const RECONNECT_MS = 250;

export class EngineEvents implements AsyncDisposable {
  readonly #docker = new Docker(resolveDockerEndpoint().options);
  readonly #events: EngineEvent[] = [];
  readonly #seen = new Set<string>();
  readonly #closing = new AbortController();
  #listeners: (() => void)[] = [];
  #sinceSec = Date.now() / 1000;
  #following: Promise<void> = Promise.resolve();

  private constructor() {}

  /** An engine that is restarted meanwhile is asked again for what it did since the last event. */
  static open(): EngineEvents {
    const events = new EngineEvents();
    events.#following = events.#follow();
    return events;
  }

  /** In the order they happened. */
  get all(): readonly EngineEvent[] {
    return this.#events;
  }

  /** Of nodes of runs on this host. */
  ofNodes(hostId: string, action: string): EngineEvent[] {
    return this.#events.filter(
      ({ type, action: done, attributes }) =>
        type === "container" &&
        done === action &&
        attributes[LABEL.host] === hostId &&
        attributes[LABEL.node] !== undefined,
    );
  }

  /** The first such event, be it over already. @throws After the limit. */
  until(what: string, limitSec: number, isIt: (event: EngineEvent) => boolean): Promise<EngineEvent> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new Error(`the engine did not tell within ${limitSec} s: ${what}`));
      const timer = setTimeout(fail, limitSec * 1000);
      const look = () => {
        const event = this.#events.find(isIt);
        if (event === undefined) return;
        clearTimeout(timer);
        this.#listeners = this.#listeners.filter((listener) => listener !== look);
        resolve(event);
      };
      this.#listeners.push(look);
      look();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#following;
  }

  async #follow(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        await this.#readStream();
      } catch (error) {
        if (this.#closing.signal.aborted) return;
        // An engine that is away: asked again until it is back.
        if (!isConnectionError(error)) throw error;
      }
      await delay(RECONNECT_MS);
    }
  }

  async #readStream(): Promise<void> {
    const stream = (await this.#docker.getEvents({ since: Math.floor(this.#sinceSec) })) as Readable;
    this.#closing.signal.addEventListener("abort", () => stream.destroy());
    if (this.#closing.signal.aborted) stream.destroy();
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines.filter((text) => text !== "")) this.#add(JSON.parse(line) as RawEvent);
    }
  }

  #add({ Type: type, Action: action, Actor: actor, timeNano }: RawEvent): void {
    const key = `${timeNano} ${type} ${action} ${actor.ID}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.#sinceSec = timeNano / 1e9;
    this.#events.push({ timeMs: timeNano / 1e6, type, action, id: actor.ID, attributes: actor.Attributes ?? {} });
    for (const listener of this.#listeners) listener();
  }
}

interface RawEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes?: Record<string, string> };
  readonly timeNano: number;
}

const isConnectionError = (error: unknown): boolean => error instanceof Error && "code" in error;
