/** What a canvas draws with. It cannot read style sheets, so colours and fonts are read for it. */

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
  /** Legible on any colour of a level above low. */
  readonly mark: string;
  readonly fontFamily: string;
  /** Whether someone asked for more contrast: colours are then never paled. */
  readonly isStrong: boolean;
}

/** Reads the colours that a theme has inside `element`. */
export function readPalette(element: HTMLElement, theme: Theme, isStrong: boolean): Palette {
  const probe = element.appendChild(document.createElement('span'));
  probe.style.colorScheme = theme;
  const style = getComputedStyle(probe);
  const colour = (token: string): string => {
    probe.style.color = `var(--${token})`;
    return style.color;
  };
  const palette: Palette = {
    ground: colour('ground'),
    surface: colour('surface'),
    line: colour('line-strong'),
    ink: colour('ink'),
    inkSoft: colour('ink-soft'),
    track: colour('track'),
    levels: [colour('chart-low'), colour('chart-medium'), colour('chart-high')],
    words: [colour('low'), colour('medium'), colour('high')],
    mediumSoft: colour('medium-soft'),
    high: colour('high'),
    mark: colour('high-ink'),
    fontFamily: style.fontFamily,
    isStrong,
  };
  probe.remove();
  return palette;
}
