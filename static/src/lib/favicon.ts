/** How urgent things are, in the tab: its title and its picture. */

import { title } from './words';

const SIZE = 32;

let calm: string | undefined;
let shown = 0;

/** Shows how many alerts wait for somebody, how many hosts are HIGH, and which host is looked at. */
export function showInTab(high: number, openAlerts: number, host: string | undefined): void {
  const sentence = title(high, openAlerts, host);
  if (document.title !== sentence) document.title = sentence;
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  // There is room for one figure: that of what somebody should look at first.
  const count = Math.min(openAlerts > 0 ? openAlerts : high, 100);
  if (icon === null || count === shown) return;
  shown = count;
  calm ??= icon.href;
  icon.href = (count > 0 ? draw(count) : undefined) ?? calm;
}

/** The count on red; `undefined` without a canvas. */
function draw(count: number): string | undefined {
  const canvas = document.createElement('canvas');
  canvas.width = SIZE;
  canvas.height = SIZE;
  const context = canvas.getContext('2d');
  if (context === null) return undefined;
  context.fillStyle = '#b3261e';
  context.beginPath();
  context.roundRect(0, 0, SIZE, SIZE, 7);
  context.fill();
  context.fillStyle = '#ffffff';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  const text = count < 100 ? String(count) : '99+';
  context.font = `700 ${text.length < 2 ? 25 : text.length < 3 ? 21 : 15}px sans-serif`;
  context.fillText(text, SIZE / 2, SIZE / 2 + 2);
  return canvas.toDataURL('image/png');
}
