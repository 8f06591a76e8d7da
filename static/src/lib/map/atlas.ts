/**
 * Every look a cell can have, drawn once: a cell is then a copy of a small rectangle, whatever is in
 * it. The more urgent a level, the more of the cell it takes – low stands back from the edges, medium
 * lacks a corner – and where there is room each has its shape: the map can be read without colours.
 */

import { decode, LOOKS, STEPS } from './look';
import type { Palette } from './palette';
import { drawShape, drawStripes } from './shapes';

/** Opacity for each step of CPU, by level. Levels overlap in brightness, never in hue and mark. */
export const OPACITY: readonly (readonly number[])[] = [
  [0.46, 0.62, 0.8, 1],
  [0.62, 0.74, 0.86, 1],
  [0.86, 0.92, 0.96, 1],
];

/** Width from which a cell has room for a level's shape, in pixels of the style sheet. */
const ROOM_FOR_SHAPE = 13;

export interface CellSize {
  /** Device pixels, the gap after the cell included. */
  readonly pitch: number;
  readonly gap: number;
  /** Device pixels of one rem. */
  readonly rem: number;
}

/** An image of all looks side by side, each `pitch` wide and high. */
export function drawAtlas(size: CellSize, palette: Palette): HTMLCanvasElement {
  const image = document.createElement('canvas');
  image.width = LOOKS * size.pitch;
  image.height = size.pitch;
  const context = image.getContext('2d', { alpha: false });
  if (context === null) return image;
  context.fillStyle = palette.ground;
  context.fillRect(0, 0, image.width, image.height);
  for (let look = 0; look < LOOKS; look += 1) {
    drawCell(context, look * size.pitch, 0, look, size, palette);
  }
  return image;
}

/** Draws one look; also what the legend shows. */
export function drawCell(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  look: number,
  size: CellSize,
  palette: Palette,
): void {
  drawHost(context, x, y, look, size, palette);
  if (decode(look).hasAlerts) drawAlertMark(context, x, y, size.pitch - size.gap, palette);
}

function drawHost(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  look: number,
  { pitch, gap, rem }: CellSize,
  palette: Palette,
): void {
  const { level, step, freshness } = decode(look);
  const side = pitch - gap;
  const hasRoom = side >= (ROOM_FOR_SHAPE * rem) / 16;
  const shape = Math.round(side * 0.5);
  const shapeAt = Math.round((side - shape) / 2);

  if (freshness === 'silent') {
    const line = Math.max(1, Math.round(side * 0.09));
    const inset = Math.max(1, Math.round(side * 0.08));
    context.strokeStyle = palette.inkSoft;
    context.lineWidth = line;
    const [at, length] = [inset + line / 2, side - 2 * inset - line];
    context.strokeRect(x + at, y + at, length, length);
    if (hasRoom && level > 0) {
      drawShape(context, level, x + shapeAt, y + shapeAt, shape, palette.inkSoft);
    }
    return;
  }

  const inset = level === 0 ? Math.max(1, Math.round(side * 0.1)) : 0;
  context.globalAlpha = palette.isStrong ? 1 : (OPACITY[level]?.[Math.min(step, STEPS - 1)] ?? 1);
  context.fillStyle = palette.levels[level] ?? palette.ink;
  context.fillRect(x + inset, y + inset, side - 2 * inset, side - 2 * inset);
  context.globalAlpha = 1;
  if (freshness === 'late') {
    if (hasRoom) drawStripes(context, x, y, side, side, side * 0.13, palette.ground);
    else drawLines(context, x, y, side, palette.ground);
    if (hasRoom && level > 0) {
      // The shape keeps a ground of its own, or the stripes would take it apart.
      const margin = Math.round(side * 0.08);
      const box = shape + 2 * margin;
      context.fillRect(x + shapeAt - margin, y + shapeAt - margin, box, box);
    }
  }
  if (hasRoom && level > 0) {
    const mark = level === 1 ? palette.mediumMark : palette.mark;
    drawShape(context, level, x + shapeAt, y + shapeAt, shape, mark);
  } else if (level === 1) {
    cutCorner(context, x, y, side, palette.ground);
  }
}

/** Stripes for cells so small that slanted ones would blur. */
function drawLines(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  side: number,
  colour: string,
): void {
  const line = Math.max(1, Math.round(side / 8));
  context.fillStyle = colour;
  for (let row = 2 * line; row < side - line; row += 2 * line) {
    context.fillRect(x, y + row, side, line);
  }
}

/** A square of ink in the lower corner, apart from what is under it. */
export function drawAlertMark(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  side: number,
  palette: Palette,
): void {
  const mark = Math.max(2, Math.round(side * 0.3));
  const edge = Math.max(1, Math.round(side * 0.08));
  context.fillStyle = palette.ground;
  context.fillRect(x + side - mark - edge, y + side - mark - edge, mark + edge, mark + edge);
  context.fillStyle = palette.ink;
  context.fillRect(x + side - mark, y + side - mark, mark, mark);
}

function cutCorner(
  context: CanvasRenderingContext2D,
  x: number,
  y: number,
  side: number,
  colour: string,
): void {
  const leg = Math.round(side * 0.45);
  context.beginPath();
  context.moveTo(x + side - leg, y);
  context.lineTo(x + side, y);
  context.lineTo(x + side, y + leg);
  context.closePath();
  context.fillStyle = colour;
  context.fill();
}
