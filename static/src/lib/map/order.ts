/** Hosts in the order of their names, as people order them: `web-2` before `web-10`. */

import type { Described } from './grouping';

/** Longest run of digits that is compared as a number; longer ones still have an order. */
const DIGITS = 12;

/** A text that, compared as plain text, orders names as people do. */
export function sortKey(name: string): string {
  return name.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(DIGITS, '0'));
}

/** The order of all hosts; made anew only when a host comes, goes or changes its name. */
export class NameOrder {
  #names: readonly (string | undefined)[] = [];
  #order = new Uint32Array(0);

  /** Indices of `hosts` in the order of their names. */
  of(hosts: Iterable<number>, describe: (index: number) => Described | undefined): Uint32Array {
    const indices = [...hosts];
    const names: (string | undefined)[] = [];
    for (const index of indices) names[index] = describe(index)?.host;
    if (!isSame(names, this.#names)) {
      const keys = names.map((name) => (name === undefined ? '' : sortKey(name)));
      const key = (index: number) => keys[index] ?? '';
      indices.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a - b));
      this.#names = names;
      this.#order = Uint32Array.from(indices);
    }
    return this.#order;
  }
}

function isSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}
