/** Where parties wait for each other, and one of them then does something for all. */
export class Rendezvous {
  #parties: number;
  #waiting: (() => void)[] = [];
  #act: (() => Promise<void>) | undefined;

  constructor(parties: number) {
    this.#parties = parties;
  }

  /** Waits for all; the act of whoever came first is done once, and then all go on. */
  async meet(act: () => Promise<void> = async () => {}): Promise<void> {
    this.#act ??= act;
    const all = new Promise<void>((resolve) => this.#waiting.push(resolve));
    await this.#advance();
    await all;
  }

  /** The others wait no longer for a party that has failed before it came. */
  async leave(): Promise<void> {
    this.#parties -= 1;
    await this.#advance();
  }

  async #advance(): Promise<void> {
    if (this.#waiting.length === 0 || this.#waiting.length < this.#parties) return;
    const waiting = this.#waiting.splice(0);
    const act = this.#act;
    this.#act = undefined;
    try {
      await act?.();
    } finally {
      for (const resolve of waiting) resolve();
    }
  }
}
