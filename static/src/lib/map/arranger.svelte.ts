/** Which hosts stand where on the map, following the fleet at a pace that eyes can follow. */

import { untrack } from 'svelte';
import { isEmpty, matcher, type Filter } from '../filter';
import type { Fleet } from '../fleet.svelte';
import { NameRanks } from '../names';
import { arrange, isSameArrangement, type Arrangement, type Grouping } from './grouping';

/** What someone wants to see; the same object as long as they want the same. */
export interface Wish {
  readonly grouping: Grouping;
  readonly filter: Filter;
}

/** Time until hosts that came or went show. */
const MEMBERS_MS = 1_000;

/** Time between two moves because of figures. */
const FIGURES_MS = 2_000;

const NOTHING: Arrangement = { order: new Uint32Array(0), groups: [] };

/** What is followed of the fleet. */
export type Followed = Pick<Fleet, 'known' | 'membership' | 'version' | 'store'>;

export class Arranger {
  readonly #fleet: Followed;
  readonly #names = new NameRanks();
  #done: { wish: Wish; membership: number; version: number; atMs: number } | undefined;

  /** A new one only when something stands elsewhere. */
  current: Arrangement = $state.raw(NOTHING);

  constructor(fleet: Followed) {
    this.#fleet = fleet;
  }

  /**
   * To be called with every tick and every new wish. A wish is followed at once, the fleet at its
   * pace, and not at all while someone points (`isHeld`): what is pointed at must not move away.
   */
  follow(wish: Wish, nowMs: number, serverNowMs: number, isHeld: boolean): void {
    untrack(() => {
      if (!this.#isDue(wish, nowMs, isHeld)) return;
      const { membership, version, store } = this.#fleet;
      this.#done = { wish, membership, version, atMs: nowMs };
      const describe = (index: number) => store.info(index);
      let hosts = this.#byName();
      if (!isEmpty(wish.filter)) hosts = hosts.filter(matcher(wish.filter, store, serverNowMs));
      const { level } = store.columns;
      const next = arrange(hosts, wish.grouping, describe, (index) => level[index] ?? 0);
      if (!isSameArrangement(next, this.current)) this.current = next;
    });
  }

  /** All hosts in the order of their names. */
  #byName(): Uint32Array {
    const { store } = this.#fleet;
    const ranks = this.#names.of(store);
    const hosts = new Uint32Array(store.size);
    for (const index of store.all()) hosts[ranks[index] ?? 0] = index;
    return hosts;
  }

  #isDue(wish: Wish, nowMs: number, isHeld: boolean): boolean {
    if (!this.#fleet.known) return false;
    const done = this.#done;
    if (done?.wish !== wish) return true;
    if (isHeld) return false;
    const elapsedMs = nowMs - done.atMs;
    const { membership, version } = this.#fleet;
    return (
      (membership !== done.membership && elapsedMs >= MEMBERS_MS) ||
      (version !== done.version && elapsedMs >= FIGURES_MS && followsFigures(wish))
    );
  }
}

/** Whether figures decide where hosts stand or which are shown, so that this changes by itself. */
function followsFigures({ grouping, filter }: Wish): boolean {
  const { levels, states, comparisons } = filter;
  return grouping === 'level' || levels.length + states.length + comparisons.length > 0;
}
