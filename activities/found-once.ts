/** What is looked for once, by whoever needs it first, and kept. A failure is not: whoever comes next looks again. */
export class FoundOnce<T> {
  readonly #look: () => Promise<T>;
  #found: Promise<T> | undefined;

  constructor(look: () => Promise<T>) {
    this.#look = look;
  }

  /** Many that ask at once share one look. */
  get(): Promise<T> {
    this.#found ??= this.#look().catch((error: unknown) => {
      this.#found = undefined;
      throw error;
    });
    return this.#found;
  }

  /** @returns What was kept, or is being looked for; the next one to ask looks again. */
  forget(): Promise<T> | undefined {
    const found = this.#found;
    this.#found = undefined;
    return found;
  }
}
