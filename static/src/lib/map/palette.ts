/** What a canvas draws with. It cannot read style sheets, so colours and fonts are read for it. */

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

/** Reads the colours that hold inside `element` now. */
export function readPalette(element: HTMLElement): Palette {
  const probe = element.appendChild(document.createElement('span'));
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
    isStrong: window.matchMedia('(prefers-contrast: more)').matches,
  };
  probe.remove();
  return palette;
}
