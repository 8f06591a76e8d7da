/**
 * Waits between attempts to connect: the ceiling doubles with each failure, the wait is drawn
 * anywhere below it, so that a thousand pages do not all come back in the same instant.
 */

const SHORTEST_MS = 500;
const LONGEST_MS = 10_000;

export class Backoff {
  #failures = 0;
  readonly #random: () => number;

  /** `random` answers like `Math.random`: at least 0, below 1. */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** How long to wait before the next attempt, in milliseconds. */
  nextMs(): number {
    const ceilingMs = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** (this.#failures + 1));
    this.#failures += 1;
    return Math.round(SHORTEST_MS + this.#random() * (ceilingMs - SHORTEST_MS));
  }

  /** To be called after a healthy spell: the next failure is a first one again. */
  reset(): void {
    this.#failures = 0;
  }
}
