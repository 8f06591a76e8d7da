/** Colours of the charts. A canvas cannot read style sheets, so they are read for it. */

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

/**
 * Reads the colours as they are where `element` is. Computed values only: a token may be written
 * in a way no canvas understands, so each is taken on by a property that turns it into a colour.
 */
export function readPalette(element: HTMLElement, theme: Theme): Palette {
  const probe = document.createElement('span');
  probe.hidden = true;
  element.append(probe);
  const style = getComputedStyle(probe);
  const colour = (token: string) => {
    probe.style.color = `var(${token})`;
    return style.color;
  };
  const palette: Palette = {
    theme,
    lines: Array.from({ length: LINE_COLOURS }, (_, i) => colour(`--line-${i + 1}`)),
    ink: colour('--ink-soft'),
    grid: colour('--line'),
    surface: colour('--surface'),
    medium: colour('--medium'),
    high: colour('--high'),
    font: `12px ${style.fontFamily}`,
  };
  probe.remove();
  return palette;
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
