/** How urgent things are, in the tab: its title and its picture. */

import { title } from './words';

const SIZE = 32;

let calm: string | undefined;
let shown = '';

/**
 * Shows how many alerts wait for somebody, how many hosts are HIGH, and which host is looked at;
 * there is room for the hosts alone in the picture. Whether that `isLive` is told by both.
 */
export function showInTab(
  high: number,
  openAlerts: number,
  isLive: boolean,
  host: string | undefined,
): void {
  const sentence = title(high, openAlerts, isLive, host);
  if (document.title !== sentence) document.title = sentence;
  const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  const text = iconText(high, isLive);
  if (icon === null || text === shown) return;
  shown = text;
  calm ??= icon.href;
  icon.href = (text === '' ? undefined : draw(text, isLive)) ?? calm;
}

/** What the picture says; nothing when all is well. */
export function iconText(high: number, isLive: boolean): string {
  if (!isLive) return '?';
  if (high === 0) return '';
  return high < 100 ? String(high) : '99+';
}

/** The text on red, or on grey when it is not of now; `undefined` without a canvas. */
function draw(text: string, isLive: boolean): string | undefined {
  const canvas = document.createElement('canvas');
  canvas.width = SIZE;
  canvas.height = SIZE;
  const context = canvas.getContext('2d');
  if (context === null) return undefined;
  context.fillStyle = isLive ? '#b3261e' : '#5f6b73';
  context.beginPath();
  context.roundRect(0, 0, SIZE, SIZE, 7);
  context.fill();
  context.fillStyle = '#ffffff';
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.font = `700 ${text.length < 2 ? 25 : text.length < 3 ? 21 : 15}px sans-serif`;
  context.fillText(text, SIZE / 2, SIZE / 2 + 2);
  return canvas.toDataURL('image/png');
}
