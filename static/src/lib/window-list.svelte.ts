/** A long list that scrolls with the window, of which only the lines in sight exist. */

import {
  observeWindowOffset,
  observeWindowRect,
  Virtualizer,
  windowScroll,
  type VirtualItem,
} from '@tanstack/virtual-core';
import type { Attachment } from 'svelte/attachments';

export interface ListShape {
  /** Lines there are. */
  readonly count: number;
  /** Height of a line, in pixels. */
  readonly lineHeight: number;
  /** What covers the top of the window, in pixels: a heading that stays. */
  readonly coveredTop: number;
}

/** Lines kept ready above and below, so that a quick scroll does not outrun the page. */
const OVERSCAN_LINES = 4;

export class WindowList {
  /** Lines in sight. */
  lines: readonly VirtualItem[] = $state.raw([]);
  /** Height of the whole list, in pixels. */
  height = $state(0);
  /** Distance of the list from the top of the document, in pixels. */
  margin = $state(0);

  readonly #virtualizer: Virtualizer<Window, Element>;
  #shape: ListShape = { count: 0, lineHeight: 1, coveredTop: 0 };

  constructor() {
    this.#virtualizer = new Virtualizer<Window, Element>(this.#options());
  }

  /** Attached to the list's element: follows the window's scroll and size. */
  readonly attach: Attachment<HTMLElement> = (element) => {
    const measure = () => {
      const margin = element.getBoundingClientRect().top + window.scrollY;
      if (Math.abs(margin - this.margin) < 0.5) return;
      this.margin = margin;
      this.#update();
    };
    // Whatever moves the list also changes the height of the body: a notice that comes or goes.
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    measure();
    const stop = this.#virtualizer._didMount();
    this.#update();
    return () => {
      observer.disconnect();
      stop();
    };
  };

  setShape(shape: ListShape): void {
    const isNewHeight = shape.lineHeight !== this.#shape.lineHeight;
    this.#shape = shape;
    this.#update();
    if (isNewHeight) this.#virtualizer.measure();
  }

  /** Brings a line into sight, moving no more than it must. */
  scrollTo(line: number, align: 'auto' | 'center' = 'auto'): void {
    this.#virtualizer.scrollToIndex(line, { align });
  }

  #options() {
    const { count, lineHeight, coveredTop } = this.#shape;
    return {
      count,
      estimateSize: () => lineHeight,
      scrollMargin: this.margin,
      scrollPaddingStart: coveredTop,
      overscan: OVERSCAN_LINES,
      getScrollElement: () => window,
      observeElementRect: observeWindowRect,
      observeElementOffset: observeWindowOffset,
      scrollToFn: windowScroll,
      initialRect: { width: window.innerWidth, height: window.innerHeight },
      initialOffset: () => window.scrollY,
      onChange: () => {
        this.#read();
      },
    };
  }

  #update(): void {
    this.#virtualizer.setOptions(this.#options());
    this.#virtualizer._willUpdate();
    this.#read();
  }

  #read(): void {
    this.lines = this.#virtualizer.getVirtualItems();
    this.height = this.#virtualizer.getTotalSize();
  }
}
