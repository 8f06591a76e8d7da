/** Colours of the charts. */

import { readColours } from '../colours';
import type { Theme } from '../theme.svelte';

export interface Palette {
  /** The theme they are of. */
  readonly theme: Theme;
  /** One for each line of a chart, in order. */
  readonly lines: readonly string[];
  readonly ink: string;
  readonly grid: string;
  readonly surface: string;
  readonly medium: string;
  readonly high: string;
  readonly font: string;
}

const LINE_COLOURS = 6;

/** Reads the colours as they are where `element` is. */
export function readPalette(element: HTMLElement, theme: Theme): Palette {
  return readColours(element, theme, (colour, fontFamily) => ({
    theme,
    lines: Array.from({ length: LINE_COLOURS }, (_, i) => colour(`line-${i + 1}`)),
    ink: colour('ink-soft'),
    grid: colour('line'),
    surface: colour('surface'),
    medium: colour('medium'),
    high: colour('high'),
    font: `12px ${fontFamily}`,
  }));
}

/** Dashes tell lines apart for those who do not tell their colours apart. */
export const DASHES: readonly (readonly number[])[] = [
  [],
  [6, 3],
  [2, 3],
  [10, 3, 2, 3],
  [],
  [6, 3],
];

/** A computed colour with most of it taken away: `rgb(1, 2, 3)` to `rgba(1, 2, 3, 0.2)`. */
export function faded(colour: string, share: number): string {
  return colour.replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);
}
