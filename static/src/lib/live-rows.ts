/** Rows on the screen that follow their hosts; the hosts of the others cost nothing. */

import type { Fleet } from './fleet.svelte';

export class LiveRows {
  readonly #sampled = new Map<number, () => void>();
  readonly #fleet: Pick<Fleet, 'onChange'>;

  constructor(fleet: Pick<Fleet, 'onChange'>) {
    this.#fleet = fleet;
  }

  /** Follows the fleet, until the answer is called. */
  start(): () => void {
    return this.#fleet.onChange((indices) => {
      for (const index of indices) this.#sampled.get(index)?.();
    });
  }

  /**
   * Calls `sampled` at each sample of one host, until the answer is called. No signal is written
   * when a row goes: what a clean-up writes Svelte would keep for ever.
   */
  follow(index: number, sampled: () => void): () => void {
    this.#sampled.set(index, sampled);
    return () => {
      if (this.#sampled.get(index) === sampled) this.#sampled.delete(index);
    };
  }
}
