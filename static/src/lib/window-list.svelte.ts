/**
 * A long list that scrolls with the window, of which only the lines in sight exist. All lines are of
 * one height, so that where each is follows from its number.
 */

import type { Attachment } from 'svelte/attachments';

export interface ListShape {
  /** Lines there are. */
  readonly count: number;
  /** Height of a line, in pixels. */
  readonly lineHeight: number;
  /** What covers the top of the window, in pixels: a heading that stays. */
  readonly coveredTop: number;
}

export interface Line {
  readonly index: number;
  /** Pixels from the top of the list. */
  readonly top: number;
}

/** Lines kept ready above and below, so that a quick scroll does not outrun the page. */
const OVERSCAN_LINES = 4;

export class WindowList {
  /** Lines in sight. */
  lines: readonly Line[] = $state.raw([]);
  /** Height of the whole list, in pixels. */
  height = $state(0);

  /** Distance of the list from the top of the document, in pixels. */
  #margin = 0;
  #shape: ListShape = { count: 0, lineHeight: 1, coveredTop: 0 };
  /** What the lines now in sight follow from. */
  #seen = '';

  /** Attached to the list's element: follows the window's scroll and size. */
  readonly attach: Attachment<HTMLElement> = (element) => {
    const measure = () => {
      this.#margin = element.getBoundingClientRect().top + window.scrollY;
      this.#read();
    };
    const read = () => {
      this.#read();
    };
    // Whatever moves the list also changes the height of the body: a notice that comes or goes.
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    window.addEventListener('scroll', read, { passive: true });
    window.addEventListener('resize', read);
    measure();
    return () => {
      observer.disconnect();
      window.removeEventListener('scroll', read);
      window.removeEventListener('resize', read);
    };
  };

  setShape(shape: ListShape): void {
    this.#shape = shape;
    this.height = shape.count * shape.lineHeight;
    this.#read();
  }

  /** Brings a line into sight, moving no more than it must. */
  scrollTo(line: number, align: 'auto' | 'center' = 'auto'): void {
    const { lineHeight, coveredTop } = this.#shape;
    const top = this.#margin + line * lineHeight;
    const highest = top - coveredTop;
    const lowest = top + lineHeight - window.innerHeight;
    if (align === 'center') window.scrollTo({ top: (highest + lowest) / 2 });
    else if (window.scrollY > highest) window.scrollTo({ top: highest });
    else if (window.scrollY < lowest) window.scrollTo({ top: lowest });
  }

  #read(): void {
    const { count, lineHeight } = this.#shape;
    const lineAt = (y: number) => Math.floor((y - this.#margin) / lineHeight);
    const first = Math.max(0, lineAt(window.scrollY) - OVERSCAN_LINES);
    const last = Math.min(count - 1, lineAt(window.scrollY + window.innerHeight) + OVERSCAN_LINES);
    const seen = `${first} ${last} ${lineHeight}`;
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.lines = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => ({
      index: first + i,
      top: (first + i) * lineHeight,
    }));
  }
}
