/** A sparkline, drawn straight to its canvas: a hundred of them on the screen cost next to nothing. */

import type { Attachment } from 'svelte/attachments';
import { inFrame, notInFrame } from './frames';
import { CLOSEST_POINTS_MS } from './generated/constants';
import type { Series } from './series';
import type { ChartColours } from './theme.svelte';

/** What is shown, unless the host samples so rarely that it would be a few dots. */
const SPAN_MS = 120_000;
const SPAN_INTERVALS = 24;

/** Two points further apart than this many intervals have a gap between them. */
const GAP_INTERVALS = 1.5;

const LINE_WIDTH = 1.25;
const DOT_RADIUS = 1.6;
const MARGIN = 3;

export interface Spark {
  readonly series: Series | undefined;
  readonly intervalMs: number;
  readonly colours: ChartColours;
}

/** Draws what `spark` says into the canvas it is attached to, whenever that changes. */
export function sparkline(spark: () => Spark): Attachment<HTMLCanvasElement> {
  return (canvas) => {
    const context = canvas.getContext('2d');
    let wanted: Spark | undefined;
    let width = 0;
    let height = 0;

    const redraw = () => {
      if (context === null || wanted === undefined || width === 0) return;
      const scale = window.devicePixelRatio;
      const [pixelWidth, pixelHeight] = [Math.round(width * scale), Math.round(height * scale)];
      if (canvas.width !== pixelWidth || canvas.height !== pixelHeight) {
        canvas.width = pixelWidth;
        canvas.height = pixelHeight;
      }
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.clearRect(0, 0, width, height);
      draw(context, width, height, wanted);
    };

    const observer = new ResizeObserver(([entry]) => {
      if (entry === undefined) return;
      ({ width, height } = entry.contentRect);
      inFrame(redraw);
    });
    observer.observe(canvas);

    $effect(() => {
      wanted = spark();
      inFrame(redraw);
    });

    return () => {
      notInFrame(redraw);
      observer.disconnect();
    };
  };
}

function draw(
  context: CanvasRenderingContext2D,
  width: number,
  height: number,
  spark: Spark,
): void {
  const { series, intervalMs, colours } = spark;
  const newestMs = series?.newestMs;
  if (series === undefined || newestMs === undefined) return;
  const spanMs = Math.max(SPAN_MS, SPAN_INTERVALS * intervalMs);
  const x = (timeMs: number) => MARGIN + (1 - (newestMs - timeMs) / spanMs) * (width - 2 * MARGIN);
  const y = (percentage: number) => MARGIN + (1 - percentage / 100) * (height - MARGIN - 1);

  context.lineWidth = LINE_WIDTH;
  context.lineJoin = 'round';
  context.strokeStyle = colours.line;
  context.fillStyle = colours.area;
  for (const run of runs(
    series,
    newestMs - spanMs,
    Math.max(CLOSEST_POINTS_MS, GAP_INTERVALS * intervalMs),
  )) {
    const [first, last] = [run[0], run.at(-1)];
    if (first === undefined || last === undefined) continue;
    if (run.length === 1) {
      dot(context, x(first.timeMs), y(first.percentage), colours.line);
      context.fillStyle = colours.area;
      continue;
    }
    context.beginPath();
    for (const point of run) context.lineTo(x(point.timeMs), y(point.percentage));
    context.stroke();
    context.lineTo(x(last.timeMs), height);
    context.lineTo(x(first.timeMs), height);
    context.fill();
  }
  dot(context, x(newestMs), y(series.newest ?? 0), colours.line);
}

function dot(context: CanvasRenderingContext2D, x: number, y: number, colour: string): void {
  context.fillStyle = colour;
  context.beginPath();
  context.arc(x, y, DOT_RADIUS, 0, 2 * Math.PI);
  context.fill();
}

interface TimedPoint {
  readonly timeMs: number;
  readonly percentage: number;
}

/** Points from a moment on, as stretches without a gap. */
export function runs(series: Series, fromMs: number, gapMs: number): TimedPoint[][] {
  const found: TimedPoint[][] = [];
  let beforeMs = -Infinity;
  series.forEach((timeMs, percentage) => {
    if (timeMs < fromMs) return;
    if (timeMs - beforeMs > gapMs) found.push([]);
    found.at(-1)?.push({ timeMs, percentage });
    beforeMs = timeMs;
  });
  return found;
}
