/** Names of hosts in the order people expect. */

import type { Store } from './store';

/**
 * Orders names as people do: `web-2` before `web-10`, in any case.
 *
 * Host names are plain letters, digits and three signs, so this needs none of the language rules
 * that make `Intl.Collator` slow to load and to call.
 */
export function compareNames(a: string, b: string): number {
  return compareParts(a, parts(a), b, parts(b));
}

/** The same order for many names; each is taken apart only once. */
export function sortByName<T>(items: readonly T[], nameOf: (item: T) => string): T[] {
  return items
    .map((item) => ({ item, name: nameOf(item), parts: parts(nameOf(item)) }))
    .sort((a, b) => compareParts(a.name, a.parts, b.name, b.parts))
    .map(({ item }) => item);
}

function compareParts(
  a: string,
  left: readonly string[],
  b: string,
  right: readonly string[],
): number {
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    const [x, y] = [left[i] ?? '', right[i] ?? ''];
    if (x === y) continue;
    const difference = Number(x) - Number(y);
    // Not a number unless both parts are digits; `01` and `1` are equal numbers.
    if (difference) return difference;
    if (Number.isNaN(difference)) return x < y ? -1 : 1;
  }
  return left.length - right.length || (a < b ? -1 : a > b ? 1 : 0);
}

/** `Web-10` is `web-` and `10`. */
function parts(name: string): readonly string[] {
  return name.toLowerCase().match(/\d+|\D+/g) ?? [];
}

/** The place of each host among all names, so that comparing names costs no more than numbers. */
export class NameRanks {
  #names: (string | undefined)[] = [];
  #count = 0;
  #ranks = new Uint32Array(0);

  /** Ranks by index; made anew only when hosts came or went, as comparing names is slow. */
  of(store: Store): Uint32Array {
    if (this.#isStale(store)) this.#rank(store);
    return this.#ranks;
  }

  #isStale(store: Store): boolean {
    if (store.size !== this.#count) return true;
    for (const index of store.all()) {
      if (store.info(index)?.host !== this.#names[index]) return true;
    }
    return false;
  }

  #rank(store: Store): void {
    this.#names = [];
    this.#count = store.size;
    this.#ranks = new Uint32Array(store.columns.level.length);
    const indices = [...store.all()];
    for (const index of indices) this.#names[index] = store.info(index)?.host;
    sortByName(indices, (index) => this.#names[index] ?? '').forEach((index, rank) => {
      this.#ranks[index] = rank;
    });
  }
}
