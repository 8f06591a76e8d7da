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
  const figures = figuresOf(indices, key, store);
  return indices.toSorted((a, b) => {
    const [left, right] = [figures[a] ?? NaN, figures[b] ?? NaN];
    if (left === right) return rank(a) - rank(b);
    if (Number.isNaN(left)) return Number.isNaN(right) ? rank(a) - rank(b) : 1;
    if (Number.isNaN(right)) return -1;
    return sign * (left - right);
  });
}

/** What each host is compared by, by its index: read once, however often it is compared. */
function figuresOf(
  indices: Uint32Array,
  key: Exclude<SortKey, 'name'>,
  store: Store,
): Float64Array {
  const figures = new Float64Array(store.columns.level.length);
  if (key === 'labels') {
    // Hosts with the same labels stand together.
    const texts = Array.from(indices, (index) => labelText(store.info(index)));
    const ranks = new Map([...new Set(texts)].sort().map((text, rank) => [text, rank]));
    indices.forEach((index, i) => {
      const text = texts[i];
      figures[index] = text ? (ranks.get(text) ?? NaN) : NaN;
    });
  } else {
    const figure = figureOf(key, store);
    for (const index of indices) figures[index] = figure(index);
  }
  return figures;
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
