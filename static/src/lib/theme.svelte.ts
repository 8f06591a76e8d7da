/** Light or dark: as the system says, unless someone chose otherwise here. */

import type { Level } from './contract';

export type Theme = 'light' | 'dark';

const STORAGE_KEY = 'resources.theme';

/** Colours of a chart's line and of the area under it. */
export interface ChartColours {
  readonly line: string;
  readonly area: string;
}

class ThemeChoice {
  #system: Theme = $state('light');
  #chosen: Theme | undefined = $state();
  /** A canvas cannot read style sheets, so the colours of charts are read for it. */
  charts: Readonly<Record<Level, ChartColours>> = $state.raw({
    LOW: { line: '#000', area: '#0000' },
    MEDIUM: { line: '#000', area: '#0000' },
    HIGH: { line: '#000', area: '#0000' },
  });

  get current(): Theme {
    return this.#chosen ?? this.#system;
  }

  /** Reads choice and system, and follows the system from then on. */
  start(): void {
    const dark = window.matchMedia('(prefers-color-scheme: dark)');
    this.#system = dark.matches ? 'dark' : 'light';
    dark.addEventListener('change', () => {
      this.#system = dark.matches ? 'dark' : 'light';
      this.#show();
    });
    const stored = recall();
    if (stored === 'light' || stored === 'dark') this.#chosen = stored;
    this.#show();
  }

  toggle(): void {
    const next = this.current === 'dark' ? 'light' : 'dark';
    // Back at what the system says, there is nothing left to remember.
    this.#chosen = next === this.#system ? undefined : next;
    remember(this.#chosen);
    this.#show();
  }

  #show(): void {
    const root = document.documentElement;
    if (this.#chosen === undefined) delete root.dataset.theme;
    else root.dataset.theme = this.#chosen;
    const style = getComputedStyle(root);
    const colours = (name: string): ChartColours => ({
      line: style.getPropertyValue(`--chart-${name}`),
      area: style.getPropertyValue(`--chart-${name}-area`),
    });
    this.charts = { LOW: colours('low'), MEDIUM: colours('medium'), HIGH: colours('high') };
  }
}

/** Storage may be switched off; the choice then lasts as long as the page. */
function recall(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

function remember(theme: Theme | undefined): void {
  try {
    if (theme === undefined) localStorage.removeItem(STORAGE_KEY);
    else localStorage.setItem(STORAGE_KEY, theme);
  } catch {
    // Nothing to do: see `recall`.
  }
}

export const theme = new ThemeChoice();
