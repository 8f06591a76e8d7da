/** Rows on the screen that follow their hosts: one signal for each row in sight, none for the others. */

import { SvelteMap } from 'svelte/reactivity';
import type { Fleet } from './fleet.svelte';

export class LiveRows {
  readonly #ticks = new SvelteMap<number, number>();
  readonly #fleet: Fleet;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Follows the fleet, until the answer is called. */
  start(): () => void {
    return this.#fleet.onChange((indices) => {
      for (const index of indices) {
        const tick = this.#ticks.get(index);
        if (tick !== undefined) this.#ticks.set(index, tick + 1);
      }
    });
  }

  /** Reactive; grows with each sample of the host while it is followed. */
  tick(index: number): number {
    return this.#ticks.get(index) ?? 0;
  }

  /** Follows one host, until the answer is called. */
  follow(index: number): () => void {
    this.#ticks.set(index, 0);
    return () => {
      this.#ticks.delete(index);
    };
  }
}
