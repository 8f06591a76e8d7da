/** Which hosts stand where on the map, following the fleet at a pace that eyes can follow. */

import { untrack } from 'svelte';
import type { Fleet } from '../fleet.svelte';
import { arrange, isSameArrangement, type Arrangement, type Grouping } from './grouping';
import { NameOrder } from './order';

export interface Wish {
  readonly grouping: Grouping;
  /** Which hosts to show; the same function as long as the same are wanted. */
  readonly matches: (index: number) => boolean;
  /** Whether figures decide where hosts stand or which are shown, so that these change by themselves. */
  readonly followsFigures: boolean;
}

/** Time until hosts that came or went show. */
const MEMBERS_MS = 1_000;

/** Time between two moves because of figures. */
const FIGURES_MS = 2_000;

const NOTHING: Arrangement = { order: new Uint32Array(0), groups: [] };

export class Arranger {
  readonly #fleet: Fleet;
  readonly #names = new NameOrder();
  #done: { wish: Wish; membership: number; version: number; atMs: number } | undefined;

  /** A new one only when something stands elsewhere. */
  current: Arrangement = $state.raw(NOTHING);

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /**
   * To be called with every tick and every new wish. A wish is followed at once, the fleet at its
   * pace, and not at all while someone points (`isHeld`): what is pointed at must not move away.
   */
  follow(wish: Wish, nowMs: number, isHeld: boolean): void {
    if (!this.#fleet.known) return;
    const { membership, version } = this.#fleet;
    const done = this.#done;
    if (done?.wish === wish) {
      const elapsedMs = nowMs - done.atMs;
      const isDue =
        (membership !== done.membership && elapsedMs >= MEMBERS_MS) ||
        (wish.followsFigures && version !== done.version && elapsedMs >= FIGURES_MS);
      if (isHeld || !isDue) return;
    }
    this.#done = { wish, membership, version, atMs: nowMs };
    untrack(() => {
      const { store } = this.#fleet;
      const describe = (index: number) => store.info(index);
      const hosts = this.#names.of(store.all(), describe).filter(wish.matches);
      const { level } = store.columns;
      const next = arrange(hosts, wish.grouping, describe, (index) => level[index] ?? 0);
      if (!isSameArrangement(next, this.current)) this.current = next;
    });
  }
}
