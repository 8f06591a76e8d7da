/** Lets only so many tasks run at once; the others wait in order and may leave. */

interface Waiting {
  readonly enter: () => void;
  readonly signal: AbortSignal;
}

export class Gate {
  readonly #places: number;
  #running = 0;
  #waiting: Waiting[] = [];

  constructor(places: number) {
    this.#places = places;
  }

  /** Runs `task` as soon as there is a place; throws the signal's reason if it is taken back. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    await this.#place(signal);
    try {
      return await task();
    } finally {
      this.#running -= 1;
      this.#admit();
    }
  }

  async #place(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#running < this.#places) {
      this.#running += 1;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        this.#waiting = this.#waiting.filter((one) => one.signal !== signal);
        reject(signal.reason as Error);
      };
      const enter = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push({ enter, signal });
    });
  }

  /** The place goes to whoever waits longest, before anyone new can take it. */
  #admit(): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#running += 1;
    next.enter();
  }
}
