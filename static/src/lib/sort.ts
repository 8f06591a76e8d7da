/** The order in which hosts are listed. Pure: indices in, indices out. */

import { SORT_COLUMN, type Direction, type SortKey } from './columns';
import { labelText } from './row-figures';
import type { Store } from './store';

/**
 * Sorts a copy of `indices`. Equal hosts stay in the order of their names, so that a list does not
 * shimmer; hosts without the figure come last in either direction.
 */
export function sorted(
  indices: Uint32Array,
  key: SortKey,
  direction: Direction,
  store: Store,
  ranks: Uint32Array,
): Uint32Array {
  const sign = direction === 'ascending' ? 1 : -1;
  const rank = (index: number) => ranks[index] ?? 0;
  if (key === 'name') return indices.toSorted((a, b) => sign * (rank(a) - rank(b)));
  const figure = key === 'labels' ? labelRanks(indices, store) : figureOf(key, store);
  return indices.toSorted((a, b) => {
    const [left, right] = [figure(a), figure(b)];
    if (left === right) return rank(a) - rank(b);
    if (Number.isNaN(left)) return Number.isNaN(right) ? rank(a) - rank(b) : 1;
    if (Number.isNaN(right)) return -1;
    return sign * (left - right);
  });
}

/** Hosts with the same labels stand together. */
function labelRanks(indices: Uint32Array, store: Store): (index: number) => number {
  const textOf = (index: number) => labelText(store.info(index));
  const texts = [...new Set(Array.from(indices, textOf))].sort();
  const ranks = new Map(texts.map((text, rank) => [text, text === '' ? NaN : rank]));
  return (index) => ranks.get(textOf(index)) ?? NaN;
}

function figureOf(
  key: Exclude<SortKey, 'name' | 'labels'>,
  store: Store,
): (index: number) => number {
  const { columns } = store;
  // The longer ago, the older, and the longer up.
  if (key === 'age') return (index) => -(columns.receivedMs[index] ?? NaN);
  if (key === 'uptime') return (index) => -(store.info(index)?.booted_ms ?? NaN);
  const column = columns[SORT_COLUMN[key] ?? 'level'];
  return (index) => column[index] ?? NaN;
}
