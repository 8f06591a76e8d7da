/** Hosts in the order of their names. */

import { sortByName } from '../names';
import type { Described } from './grouping';

/** Remembers the order, and makes it anew only when a host comes, goes or changes its name. */
export class NameOrder {
  #names: readonly (string | undefined)[] = [];
  #order = new Uint32Array(0);

  /** Indices of `hosts` in the order of their names. */
  of(hosts: Iterable<number>, describe: (index: number) => Described | undefined): Uint32Array {
    const indices = [...hosts];
    const names: (string | undefined)[] = [];
    for (const index of indices) names[index] = describe(index)?.host;
    if (!isSame(names, this.#names)) {
      this.#names = names;
      this.#order = Uint32Array.from(sortByName(indices, (index) => names[index] ?? ''));
    }
    return this.#order;
  }
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}
