/** Which hosts are listed, and in which order. Pure: a list in, a list out. */

import type { Level } from './contract';

export type SortKey = 'name' | 'level' | 'cpu' | 'memory' | 'load' | 'age';
export type Direction = 'ascending' | 'descending';

export interface View {
  /** Part of a name, in any case; several words must all occur. */
  readonly search: string;
  /** Levels to list; none means all. */
  readonly levels: ReadonlySet<Level>;
  readonly sortKey: SortKey;
  readonly direction: Direction;
}

/** What listing needs to know of a host. */
export interface Listed {
  readonly name: string;
  /** Place among all names, so that comparing names costs no more than comparing numbers. */
  readonly nameRank: number;
  readonly level: Level;
  readonly cpuPercentage: number;
  /** `undefined` when the tracker sends none: such hosts come last in either direction. */
  readonly memoryPercentage: number | undefined;
  readonly load: number | undefined;
  readonly receivedMs: number;
}

/** The direction that answers the usual question first: which host is worst? */
export const FIRST_DIRECTION: Readonly<Record<SortKey, Direction>> = {
  name: 'ascending',
  level: 'descending',
  cpu: 'descending',
  memory: 'descending',
  load: 'descending',
  age: 'descending',
};

const SEVERITY: Readonly<Record<Level, number>> = { LOW: 0, MEDIUM: 1, HIGH: 2 };

/**
 * Orders names as people do: `web-2` before `web-10`, in any case.
 *
 * Host names are plain letters, digits and three signs, so this needs none of the language rules
 * that make `Intl.Collator` slow to load and to call.
 */
export function compareNames(a: string, b: string): number {
  const left = parts(a);
  const right = parts(b);
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

export function select<H extends Listed>(hosts: Iterable<H>, view: View): H[] {
  const words = view.search.toLowerCase().split(/\s+/).filter(Boolean);
  const chosen: H[] = [];
  for (const host of hosts) {
    if (view.levels.size > 0 && !view.levels.has(host.level)) continue;
    if (words.length > 0) {
      const name = host.name.toLowerCase();
      if (!words.every((word) => name.includes(word))) continue;
    }
    chosen.push(host);
  }
  return sort(chosen, view);
}

function sort<H extends Listed>(hosts: H[], { sortKey, direction }: View): H[] {
  const sign = direction === 'ascending' ? 1 : -1;
  if (sortKey === 'name') return hosts.sort((a, b) => sign * (a.nameRank - b.nameRank));
  const value = FIGURES[sortKey];
  return hosts.sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    // Equal hosts stay in the order of their names, so that a list does not shimmer.
    if (left === right) return a.nameRank - b.nameRank;
    if (left === undefined) return 1;
    if (right === undefined) return -1;
    return sign * (left - right);
  });
}

const FIGURES: Readonly<Record<Exclude<SortKey, 'name'>, (host: Listed) => number | undefined>> = {
  level: (host) => SEVERITY[host.level],
  cpu: (host) => host.cpuPercentage,
  memory: (host) => host.memoryPercentage,
  load: (host) => host.load,
  // The longer ago, the older.
  age: (host) => -host.receivedMs,
};
