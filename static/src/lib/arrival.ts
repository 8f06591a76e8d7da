/**
 * Where the focus goes when one view takes the place of another.
 *
 * What had the focus is gone then, and the browser would begin again at the top of the page. Nobody
 * is led away from what still has it, such as a link above the views.
 */

import { tick } from 'svelte';

let isAwaited = false;

/** To be called when another view, or another host, is about to be shown. */
export function expectArrival(): void {
  isAwaited = true;
}

/** Gives the focus to what the new view begins with. */
export async function arriveAt(element: HTMLElement | null, options?: FocusOptions): Promise<void> {
  // What was there before is gone by then.
  await tick();
  if (!isAwaited || element === null) return;
  isAwaited = false;
  if (document.activeElement !== null && document.activeElement !== document.body) return;
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus(options);
}
