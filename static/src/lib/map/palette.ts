/** What the map is drawn with. */

import { readColours } from '../colours';
import type { Theme } from '../theme.svelte';

export interface Palette {
  /** What cells stand on. */
  readonly ground: string;
  readonly surface: string;
  readonly line: string;
  readonly ink: string;
  readonly inkSoft: string;
  readonly track: string;
  /** By level as numbered on the wire: low, medium, high. */
  readonly levels: readonly [string, string, string];
  /** Words in these colours can be read on `surface`. */
  readonly words: readonly [string, string, string];
  readonly mediumSoft: string;
  readonly high: string;
  /** Legible on the colour of high. */
  readonly mark: string;
  /** Legible on the colour of medium, however pale. */
  readonly mediumMark: string;
  readonly fontFamily: string;
  /** Whether someone asked for more contrast: colours are then never paled. */
  readonly isStrong: boolean;
}

/**
 * Reads the colours that a theme has inside `element`. Of figures that are the last known, levels are
 * told by shape and strength alone.
 */
export function readPalette(
  element: HTMLElement,
  theme: Theme,
  isStrong: boolean,
  isStale: boolean,
): Palette {
  return readColours(element, theme, (colour, fontFamily) => {
    const levels = (...tokens: readonly [string, string, string]): Palette['levels'] =>
      isStale
        ? [colour('ink-soft'), colour('ink-soft'), colour('ink-soft')]
        : [colour(tokens[0]), colour(tokens[1]), colour(tokens[2])];
    return {
      ground: colour('ground'),
      surface: colour('surface'),
      line: colour('line-strong'),
      ink: colour('ink'),
      inkSoft: colour('ink-soft'),
      track: colour('track'),
      levels: levels('chart-low', 'chart-medium', 'chart-high'),
      words: levels('low', 'medium', 'high'),
      mediumSoft: colour(isStale ? 'surface' : 'medium-soft'),
      high: colour(isStale ? 'ink-soft' : 'high'),
      mark: colour(isStale ? 'surface' : 'high-ink'),
      mediumMark: colour(isStale ? 'surface' : 'chart-medium-ink'),
      fontFamily,
      isStrong,
    };
  });
}
