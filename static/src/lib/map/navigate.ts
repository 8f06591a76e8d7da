/** Which cell a key leads to. Pure: a layout, a place and a key in, a place out. */

import { blockOf, type Block, type Layout } from './layout';

/** The place that `key` leads to from `place`; `undefined` when the key is none of the map's. */
export function step(layout: Layout, place: number, key: string): number | undefined {
  const last = layout.blocks.reduce((sum, { count }) => sum + count, 0) - 1;
  const block = blockOf(layout, place);
  if (block === undefined) return undefined;
  switch (key) {
    case 'ArrowLeft':
      return Math.max(0, place - 1);
    case 'ArrowRight':
      return Math.min(last, place + 1);
    case 'ArrowUp':
      return above(layout, block, place);
    case 'ArrowDown':
      return below(layout, block, place);
    case 'Home':
      return 0;
    case 'End':
      return last;
    case 'PageUp':
      return groupBefore(layout, block, place);
    case 'PageDown':
      return layout.blocks[layout.blocks.indexOf(block) + 1]?.first ?? last;
    default:
      return undefined;
  }
}

/** The beginning of this group, or of the one before when already there. */
function groupBefore(layout: Layout, block: Block, place: number): number {
  if (place > block.first) return block.first;
  return layout.blocks[layout.blocks.indexOf(block) - 1]?.first ?? 0;
}

function above(layout: Layout, block: Block, place: number): number {
  if (place - block.columns >= block.first) return place - block.columns;
  const next = nearest(
    layout.blocks.filter(({ top }) => top < block.top),
    centre(layout, block, place),
    (a, b) => b.top - a.top,
  );
  return next === undefined ? place : inColumn(layout, next, block, place, next.rows - 1);
}

function below(layout: Layout, block: Block, place: number): number {
  const end = block.first + block.count;
  if (place + block.columns < end) return place + block.columns;
  // The last row may be short: from above its gap, the way down leads to its end.
  const rowOf = (at: number) => Math.floor((at - block.first) / block.columns);
  if (rowOf(place) < rowOf(end - 1)) return end - 1;
  const next = nearest(
    layout.blocks.filter(({ top }) => top > block.top),
    centre(layout, block, place),
    (a, b) => a.top - b.top,
  );
  return next === undefined ? place : inColumn(layout, next, block, place, 0);
}

function centre(layout: Layout, block: Block, place: number): number {
  return block.x + (((place - block.first) % block.columns) + 0.5) * layout.pitchX;
}

/** The block on the nearest shelf that is most nearly above or below `x`. */
function nearest(
  blocks: readonly Block[],
  x: number,
  byShelf: (a: Block, b: Block) => number,
): Block | undefined {
  const aside = ({ x: left, width }: Block) => Math.max(0, left - x, x - left - width);
  return blocks.toSorted((a, b) => byShelf(a, b) || aside(a) - aside(b))[0];
}

/** The cell of `next` in `row` that is most nearly above or below that of `place`. */
function inColumn(layout: Layout, next: Block, block: Block, place: number, row: number): number {
  const x = centre(layout, block, place);
  const column = Math.floor((x - next.x) / layout.pitchX);
  const within = row * next.columns + Math.max(0, Math.min(next.columns - 1, column));
  return next.first + Math.min(next.count - 1, within);
}
