/** The size of text that someone chose, for what a script measures in it. */

import { createSubscriber } from 'svelte/reactivity';

/** No event tells that text is another size: something as wide as it is watched instead. */
const follow = createSubscriber((update) => {
  const probe = document.createElement('div');
  probe.style.cssText = 'position: absolute; width: 1rem; visibility: hidden';
  document.body.append(probe);
  const observer = new ResizeObserver(update);
  observer.observe(probe);
  return () => {
    observer.disconnect();
    probe.remove();
  };
});

/** Pixels in a rem; what reads it in an effect or `$derived` follows it. */
export function remPx(): number {
  follow();
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}
