/** What a canvas draws with: it cannot read style sheets, so colours and fonts are read for it. */

import type { Theme } from './theme.svelte';

/**
 * Reads tokens as they are in `theme` where `element` is. Computed values only: a token may be
 * written in a way no canvas understands, so each is taken on by a property that makes it a colour.
 */
export function readColours<Palette>(
  element: HTMLElement,
  theme: Theme,
  read: (colour: (token: string) => string, fontFamily: string) => Palette,
): Palette {
  const probe = element.appendChild(document.createElement('span'));
  probe.hidden = true;
  probe.style.colorScheme = theme;
  const style = getComputedStyle(probe);
  const palette = read((token) => {
    probe.style.color = `var(--${token})`;
    return style.color;
  }, style.fontFamily);
  probe.remove();
  return palette;
}

/** Does `act` while the page has the colours of paper, which is light. */
export function onPaper<Made>(act: () => Made): Made {
  const { dataset } = document.documentElement;
  const { theme } = dataset;
  dataset.theme = 'light';
  try {
    return act();
  } finally {
    if (theme === undefined) delete dataset.theme;
    else dataset.theme = theme;
  }
}
