/**
 * Where each cell of the map is. Pure: sizes of groups in, rectangles out.
 *
 * All lengths are device pixels, so that every edge falls on one and the map is crisp on any screen.
 * A fleet that is small enough gets tiles with words in them; a larger one square cells, as large as
 * fit the space. Only when even the smallest do not fit does the map grow beyond it.
 */

export interface Space {
  readonly width: number;
  /** Height the map should not exceed if it need not. */
  readonly height: number;
  /** Device pixels of one rem: all measures follow the size of the text. */
  readonly rem: number;
  /** Whether fingers point here: they need larger cells. */
  readonly isCoarse: boolean;
}

export interface Wish {
  /** Hosts in each group. */
  readonly sizes: readonly number[];
  readonly hasHeadings: boolean;
  /** Whether small groups may stand side by side. */
  readonly sideBySide: boolean;
}

/** The cells of one group. */
export interface Block {
  /** First place, counted over the whole map. */
  readonly first: number;
  readonly count: number;
  readonly columns: number;
  readonly rows: number;
  readonly x: number;
  /** Top of the heading; of the cells when there are no headings. */
  readonly top: number;
  /** Top of the cells. */
  readonly y: number;
  /** Width there is for the heading. */
  readonly width: number;
}

export interface Layout {
  readonly shape: 'tiles' | 'cells';
  /** From the left edge of one cell to that of the next. */
  readonly pitchX: number;
  readonly pitchY: number;
  /** Part of the pitch that is between cells. */
  readonly gap: number;
  /** Blocks side by side at most. */
  readonly lanes: number;
  readonly width: number;
  readonly height: number;
  readonly blocks: readonly Block[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Measures in rem. */
const HEADING = 1.9;
const LANE_GAP = 1.25;
const SHELF_GAP = 0.9;
const MIN_LANE = 15;
const TILE_WIDTH = 9.25;
const MAX_TILE_WIDTH = 13;
const TILE_HEIGHT = 3.1;
const TILE_GAP = 0.4;
const MAX_PITCH = 2.75;
const MIN_PITCH = 0.44;
const MIN_COARSE_PITCH = 0.75;

/** The share of a square cell's pitch that is gap. */
const GAP_SHARE = 0.14;
const MAX_GAP = 0.25;

/** A block gets a second lane when its group has more hosts than this many times the usual. */
const USUAL_GROUPS = 1.5;

/** How far the height may move while the size of the cells stays: sizes that flicker disturb. */
const LEAST_KEPT = 0.8;
const MOST_KEPT = 1.1;

export function layOut(wish: Wish, space: Space, before?: Layout): Layout {
  return keep(wish, space, before) ?? tiles(wish, space) ?? cells(wish, space);
}

/** The same sizes as before, if what is to be shown has changed little. */
function keep(wish: Wish, space: Space, before: Layout | undefined): Layout | undefined {
  if (before?.shape !== 'cells' || before.width !== space.width) return undefined;
  const layout = { ...before, ...blocksOf(wish, space, before) };
  const share = layout.height / space.height;
  return share >= LEAST_KEPT && share <= MOST_KEPT ? layout : undefined;
}

function tiles(wish: Wish, space: Space): Layout | undefined {
  const { rem } = space;
  const gap = Math.round(TILE_GAP * rem);
  let best: Layout | undefined;
  for (let lanes = 1; lanes <= mostLanes(wish, space); lanes += 1) {
    const width = laneWidth(space, lanes);
    const columns = Math.max(1, Math.floor((width + gap) / (TILE_WIDTH * rem + gap)));
    const pitchX = Math.min(
      Math.floor((width + gap) / columns),
      Math.round(MAX_TILE_WIDTH * rem) + gap,
    );
    const sizes = { pitchX, pitchY: Math.round(TILE_HEIGHT * rem) + gap, gap, lanes };
    const layout: Layout = {
      shape: 'tiles',
      ...sizes,
      width: space.width,
      ...blocksOf(wish, space, sizes),
    };
    if (best === undefined || layout.height < best.height) best = layout;
  }
  return best !== undefined && best.height <= space.height ? best : undefined;
}

function cells(wish: Wish, space: Space): Layout {
  const { rem } = space;
  const least = Math.round((space.isCoarse ? MIN_COARSE_PITCH : MIN_PITCH) * rem);
  const lanesThere = mostLanes(wish, space);
  const sized = (pitch: number, lanes: number): Layout => {
    const gap = Math.max(1, Math.round(Math.min(pitch * GAP_SHARE, MAX_GAP * rem)));
    const sizes = { pitchX: pitch, pitchY: pitch, gap, lanes };
    return { shape: 'cells', ...sizes, width: space.width, ...blocksOf(wish, space, sizes) };
  };
  let best: Layout | undefined;
  for (let lanes = 1; lanes <= lanesThere; lanes += 1) {
    const beyond = best === undefined ? least : best.pitchX + 1;
    for (let pitch = Math.floor(MAX_PITCH * rem); pitch >= beyond; pitch -= 1) {
      const layout = sized(pitch, lanes);
      if (layout.height > space.height) continue;
      best = layout;
      break;
    }
  }
  if (best !== undefined) return best;
  // Nothing fits, so the page will scroll: as little as possible.
  let shortest = sized(least, 1);
  for (let lanes = 2; lanes <= lanesThere; lanes += 1) {
    const layout = sized(least, lanes);
    if (layout.height < shortest.height) shortest = layout;
  }
  return shortest;
}

function mostLanes(wish: Wish, space: Space): number {
  if (!wish.sideBySide) return 1;
  const gap = LANE_GAP * space.rem;
  const fitting = Math.floor((space.width + gap) / (MIN_LANE * space.rem + gap));
  return Math.max(1, Math.min(fitting, wish.sizes.length));
}

function laneWidth(space: Space, lanes: number): number {
  return Math.floor((space.width - (lanes - 1) * Math.round(LANE_GAP * space.rem)) / lanes);
}

/** Fills shelf after shelf with blocks, in order; a large group takes several lanes of its shelf. */
function blocksOf(
  wish: Wish,
  space: Space,
  { pitchX, pitchY, gap, lanes }: Pick<Layout, 'pitchX' | 'pitchY' | 'gap' | 'lanes'>,
): Pick<Layout, 'blocks' | 'height'> {
  const heading = wish.hasHeadings ? Math.round(HEADING * space.rem) : 0;
  const shelfGap = Math.round(SHELF_GAP * space.rem);
  const lane = laneWidth(space, lanes);
  const laneStep = lane + Math.round(LANE_GAP * space.rem);
  const widthOf = (span: number) => lane + (span - 1) * laneStep;
  const columnsOf = (span: number) => Math.max(1, Math.floor((widthOf(span) + gap) / pitchX));
  const hostsInLane = Math.max(columnsOf(1), USUAL_GROUPS * median(wish.sizes));

  const blocks: Block[] = [];
  let [first, taken, top, shelf] = [0, 0, 0, 0];
  for (const count of wish.sizes) {
    const span = Math.max(1, Math.min(lanes, Math.ceil(count / hostsInLane)));
    if (taken + span > lanes) {
      top += shelf + shelfGap;
      [taken, shelf] = [0, 0];
    }
    const columns = columnsOf(span);
    const rows = Math.ceil(count / columns);
    const [x, y, width] = [taken * laneStep, top + heading, widthOf(span)];
    blocks.push({ first, count, columns, rows, x, top, y, width });
    first += count;
    taken += span;
    shelf = Math.max(shelf, heading + rows * pitchY - gap);
  }
  return { blocks, height: top + shelf };
}

function median(sizes: readonly number[]): number {
  return sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length / 2)] ?? 0;
}

/** Where the cell of a place begins. */
export function originOf(layout: Layout, place: number): Point {
  const block = blockOf(layout, place);
  if (block === undefined) return { x: 0, y: 0 };
  const within = place - block.first;
  return {
    x: block.x + (within % block.columns) * layout.pitchX,
    y: block.y + Math.floor(within / block.columns) * layout.pitchY,
  };
}

/** The block that holds a place. */
export function blockOf(layout: Layout, place: number): Block | undefined {
  return layout.blocks.find(({ first, count }) => place >= first && place < first + count);
}

/** The place at a point; the gap after a cell counts as the cell's, so that pointing never flickers. */
export function placeAt(layout: Layout, { x, y }: Point): number | undefined {
  for (const block of layout.blocks) {
    const column = Math.floor((x - block.x) / layout.pitchX);
    const row = Math.floor((y - block.y) / layout.pitchY);
    if (column < 0 || column >= block.columns || row < 0 || row >= block.rows) continue;
    const within = row * block.columns + column;
    if (within < block.count) return block.first + within;
  }
  return undefined;
}
