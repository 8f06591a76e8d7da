/**
 * Which part of a long list is in sight, when every line has the same height.
 *
 * Lines outside are not made at all. Those inside take turns in a fixed set of slots: a row that
 * leaves at the top comes back at the bottom with another host, its chart and all, so scrolling
 * and sorting create nothing.
 */

/** Lines kept ready above and below, so that a quick scroll does not outrun the page. */
const OVERSCAN_LINES = 3;

export interface Geometry {
  /** Distance from the top of the screen down to the list's first line; negative when scrolled past. */
  readonly offset: number;
  readonly viewportHeight: number;
  /** Height of a line, in pixels; zero while not yet measured. */
  readonly lineHeight: number;
  /** Hosts side by side on one line. */
  readonly lanes: number;
}

export interface Range {
  /** Index of the first host to make. */
  readonly first: number;
  /** Index after the last. */
  readonly end: number;
  /** Slots that hosts take turns in: never fewer than the hosts in sight. */
  readonly slots: number;
}

export function visibleRange(hosts: number, geometry: Geometry): Range {
  const { offset, viewportHeight, lineHeight, lanes } = geometry;
  if (lineHeight <= 0 || lanes <= 0) return { first: 0, end: 0, slots: 1 };
  // One more than fits: a line may be cut at either end.
  const linesInSight = Math.ceil(viewportHeight / lineHeight) + 1 + 2 * OVERSCAN_LINES;
  const lines = Math.ceil(hosts / lanes);
  const wanted = Math.floor(-offset / lineHeight) - OVERSCAN_LINES;
  const firstLine = Math.min(Math.max(0, wanted), Math.max(0, lines - linesInSight));
  const first = firstLine * lanes;
  return {
    first,
    end: Math.min(hosts, first + linesInSight * lanes),
    slots: linesInSight * lanes,
  };
}
