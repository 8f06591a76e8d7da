/** A cell of a small fleet: large enough for words. */

import * as format from '../format';
import type { Freshness } from '../store';
import type { Palette } from './palette';
import { drawShape, drawStripes } from './shapes';

export interface Tile {
  readonly name: string;
  readonly level: number;
  /** Percent; `NaN` when it is not there. */
  readonly cpu: number;
  readonly freshness: Freshness;
  /** The level in a word. */
  readonly levelWord: string;
  /** What stands in the place of the figure when it is not of now. */
  readonly freshnessWord: string;
  /** A sign that it has active alerts; nothing where it has none. */
  readonly alertSign: string;
}

interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Measures in rem. */
const PADDING = 0.65;
const NAME_SIZE = 0.875;
const WORD_SIZE = 0.78;
const RADIUS = 0.4;

export function drawTile(
  context: CanvasRenderingContext2D,
  tile: Tile,
  { x, y, width, height }: Rectangle,
  rem: number,
  palette: Palette,
): void {
  const { level, freshness } = tile;
  const isSilent = freshness === 'silent';
  const isFilled = level === 2 && !isSilent;
  const line = Math.max(1, Math.round(rem / 16));
  const ink = isFilled ? palette.mark : isSilent ? palette.inkSoft : palette.ink;
  const word = isFilled ? palette.mark : isSilent ? palette.inkSoft : (palette.words[level] ?? ink);

  context.fillStyle = palette.ground;
  context.fillRect(x, y, width, height);
  context.beginPath();
  context.roundRect(x + line / 2, y + line / 2, width - line, height - line, RADIUS * rem);
  context.fillStyle = isSilent
    ? palette.ground
    : isFilled
      ? palette.high
      : level === 1
        ? palette.mediumSoft
        : palette.surface;
  context.fill();
  if (freshness === 'late') {
    context.globalAlpha = 0.28;
    drawStripes(
      context,
      x + line,
      y + line,
      width - 2 * line,
      height - 2 * line,
      rem / 4,
      palette.ground,
    );
    context.globalAlpha = 1;
    context.beginPath();
    context.roundRect(x + line / 2, y + line / 2, width - line, height - line, RADIUS * rem);
  }
  context.strokeStyle = isFilled
    ? palette.high
    : level === 1 && !isSilent
      ? palette.levels[1]
      : palette.line;
  context.lineWidth = line;
  context.setLineDash(freshness === 'fresh' ? [] : [rem / 4, rem / 5]);
  context.stroke();
  context.setLineDash([]);

  const left = Math.round(x + PADDING * rem);
  const right = Math.round(x + width - PADDING * rem);
  let nameRight = right;
  context.textBaseline = 'alphabetic';
  context.textAlign = 'left';
  context.fillStyle = ink;
  context.font = `600 ${NAME_SIZE * rem}px ${palette.fontFamily}`;
  if (tile.alertSign !== '') {
    context.textAlign = 'right';
    context.font = `700 ${WORD_SIZE * rem}px ${palette.fontFamily}`;
    const width = Math.ceil(context.measureText(tile.alertSign).width + 0.7 * rem);
    context.fillStyle = isFilled ? palette.mark : palette.ink;
    context.beginPath();
    context.roundRect(right - width, y + 0.3 * rem, width, 1.2 * rem, 0.6 * rem);
    context.fill();
    context.fillStyle = isFilled ? palette.high : palette.ground;
    context.fillText(tile.alertSign, right - 0.35 * rem, Math.round(y + 1.2 * rem));
    context.textAlign = 'left';
    context.fillStyle = ink;
    context.font = `600 ${NAME_SIZE * rem}px ${palette.fontFamily}`;
    nameRight -= width + 0.3 * rem;
  }
  context.fillText(shorten(context, tile.name, nameRight - left), left, Math.round(y + 1.25 * rem));

  const wordLine = Math.round(y + 2.3 * rem);
  const shape = Math.round(0.62 * rem);
  drawShape(context, level, left, wordLine - shape, shape, word);
  context.font = `550 ${WORD_SIZE * rem}px ${palette.fontFamily}`;
  context.fillStyle = word;
  context.fillText(tile.levelWord, left + shape + Math.round(0.35 * rem), wordLine);
  context.textAlign = 'right';
  context.fillStyle = ink;
  context.fillText(figure(tile), right, wordLine);
  context.textAlign = 'left';

  if (isSilent || Number.isNaN(tile.cpu)) return;
  const [bar, barTop] = [Math.max(2, Math.round(0.2 * rem)), Math.round(y + height - 0.5 * rem)];
  context.fillStyle = isFilled ? palette.mark : palette.track;
  context.globalAlpha = isFilled ? 0.3 : 1;
  context.fillRect(left, barTop, right - left, bar);
  context.globalAlpha = 1;
  context.fillStyle = isFilled ? palette.mark : (palette.levels[level] ?? ink);
  context.fillRect(left, barTop, Math.round(((right - left) * tile.cpu) / 100), bar);
}

function figure(tile: Tile): string {
  if (tile.freshness !== 'fresh') return tile.freshnessWord;
  return Number.isNaN(tile.cpu) ? '' : format.wholePercentage(tile.cpu);
}

/** As much of a name as fits, with a sign that there is more. */
function shorten(context: CanvasRenderingContext2D, name: string, width: number): string {
  if (context.measureText(name).width <= width) return name;
  let [fits, tooLong] = [0, name.length];
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >> 1;
    if (context.measureText(`${name.slice(0, middle)}…`).width <= width) fits = middle;
    else tooLong = middle;
  }
  return `${name.slice(0, fits)}…`;
}
