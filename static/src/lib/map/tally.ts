/** How many hosts of each group are at which level. Pure. */

import type { Freshness } from '../store';
import type { Arrangement } from './grouping';

export interface Tally {
  readonly hosts: number;
  /** By level as numbered on the wire: low, medium, high. */
  readonly levels: readonly [number, number, number];
  readonly late: number;
  readonly silent: number;
}

/** One tally for each group, in order. */
export function tally(
  { order, groups }: Arrangement,
  levelOf: (index: number) => number,
  freshnessOf: (index: number) => Freshness,
): Tally[] {
  return groups.map(({ first, end }) => {
    const levels: [number, number, number] = [0, 0, 0];
    let [late, silent] = [0, 0];
    for (let place = first; place < end; place += 1) {
      const index = order[place] ?? 0;
      const level = levelOf(index);
      if (level === 0 || level === 1 || level === 2) levels[level] += 1;
      const freshness = freshnessOf(index);
      if (freshness === 'late') late += 1;
      else if (freshness === 'silent') silent += 1;
    }
    return { hosts: end - first, levels, late, silent };
  });
}
