/** What uPlot is told about a chart: scales, axes, lines with their bands, thresholds. */

import type uPlot from 'uplot';
import type { AlertEntry } from '../alerts/entry';
import { isolated } from '../series';
import type { Chart, ThresholdLine, Unit } from './charts';
import type { Columns } from './columns';
import { DASHES, faded, type Palette } from './palette';
import type { Span } from './range';
import { axisLabels } from './times';
import { axisFigure } from './units';

/** All that is to be drawn; a new one for each change. */
export interface Picture {
  readonly chart: Chart;
  readonly columns: Columns;
  readonly span: Span;
  readonly thresholds: readonly (ThresholdLine & { readonly words: string })[];
  readonly palette: Palette;
  /** Alerts whose time is shaded; what lasts ends where the picture does. */
  readonly alerts: readonly AlertEntry[];
}

/** What someone did with the chart. */
export interface Gestures {
  /** The pointer is at an instant; `undefined` when it left. */
  readonly point: (instantMs: number | undefined) => void;
  readonly draw: (oneMs: number, otherMs: number) => void;
  readonly reset: () => void;
}

/** Columns of uPlot for each line: maximum and minimum, between which the band is, and average. */
const COLUMNS_PER_LINE = 3;

/** What is beside the lines, in pixels of the style sheet. */
export const RIGHT_PX = 26;

export function axisWidthPx(unit: Unit): number {
  return unit === 'rate' ? 78 : 46;
}

/** A drag shorter than this is a click. */
const DRAG_AT_LEAST_PX = 5;

export function alignedData({ timesMs, lines }: Columns): uPlot.AlignedData {
  const columns = lines.flatMap((line) => [line.maximum, line.minimum, line.average]);
  return [timesMs, ...columns] as uPlot.AlignedData;
}

export function plotOptions(
  picture: () => Picture,
  size: { width: number; height: number },
  gestures: Gestures,
): uPlot.Options {
  const { chart } = picture();
  // Bands of many lines cover each other.
  const strength = chart.lines.length > 2 ? 0.13 : 0.22;
  const ink = () => picture().palette.ink;
  const grid = { stroke: () => picture().palette.grid, width: 1 };
  return {
    ...size,
    ms: 1,
    legend: { show: false },
    padding: [8, RIGHT_PX, 0, 0],
    scales: {
      x: {
        time: true,
        range: () => [picture().span.fromMs, picture().span.toMs],
      },
      y: { range: (_, lowest, highest) => valueRange(chart.unit, lowest, highest) },
    },
    axes: [
      {
        stroke: ink,
        grid,
        ticks: { show: false },
        font: picture().palette.font,
        size: (_, labels: readonly string[] | null) =>
          labels?.some((label) => label.includes('\n')) === true ? 40 : 24,
        gap: 6,
        space: 84,
        values: (_, splits, _axis, _space, stepMs) => axisLabels(splits, stepMs),
      },
      {
        stroke: ink,
        grid,
        ticks: { show: false },
        font: picture().palette.font,
        size: axisWidthPx(chart.unit),
        gap: 6,
        space: 30,
        values: (_, splits) => splits.map((value) => axisFigure(chart.unit, value)),
      },
    ],
    series: [{}, ...chart.lines.flatMap((_, i) => lineSeries(picture, i))],
    bands: chart.lines.map((_, i) => ({
      series: [1 + i * COLUMNS_PER_LINE, 2 + i * COLUMNS_PER_LINE],
      fill: () => faded(colourOf(picture(), i), strength),
    })),
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: DRAG_AT_LEAST_PX },
      points: {
        size: 7,
        width: 2,
        stroke: (_, index) => colourOf(picture(), lineOf(index)),
        fill: () => picture().palette.surface,
      },
      // The list of figures is what tells of a point; those of the bands need no dots.
      dataIdx: (_, index, closest) => (isAverage(index) ? closest : null),
      bind: {
        dblclick: () => () => {
          gestures.reset();
          return null;
        },
      },
    },
    hooks: {
      drawAxes: [
        (plot) => {
          drawAlerts(plot, picture());
          drawThresholds(plot, picture());
        },
      ],
      setCursor: [
        (plot) => {
          // Also told when a chart is fed; only where the pointer is does it mean anything.
          const { left = -1 } = plot.cursor;
          if (left >= 0 && plot.over.matches(':hover')) gestures.point(plot.posToVal(left, 'x'));
        },
      ],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < DRAG_AT_LEAST_PX) return;
          gestures.draw(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

function lineSeries(picture: () => Picture, index: number): uPlot.Series[] {
  const colour = () => colourOf(picture(), index);
  const edge: uPlot.Series = { width: 0, points: { show: false } };
  return [
    edge,
    edge,
    {
      width: 1.5,
      stroke: colour,
      dash: [...(DASHES[index % DASHES.length] ?? [])],
      points: {
        show: true,
        size: 4,
        width: 0,
        fill: colour,
        filter: (plot, seriesIndex) => isolated(Array.from(plot.data[seriesIndex] ?? [])),
      },
    },
  ];
}

function colourOf({ palette }: Picture, line: number): string {
  return palette.lines[line % palette.lines.length] ?? palette.ink;
}

function isAverage(seriesIndex: number): boolean {
  return seriesIndex % COLUMNS_PER_LINE === 0;
}

function lineOf(seriesIndex: number): number {
  return Math.max(0, Math.ceil(seriesIndex / COLUMNS_PER_LINE) - 1);
}

/** What the vertical axis spans. Zero is always in it, but for temperatures. */
export function valueRange(
  unit: Unit,
  lowest: number | null,
  highest: number | null,
): [number, number] {
  switch (unit) {
    case 'percentage':
      return [0, 100];
    case 'load':
      return [0, Math.max(1, (highest ?? 0) * 1.1)];
    case 'rate':
      return [0, Math.max(1_000, (highest ?? 0) * 1.1)];
    case 'celsius': {
      const middle = ((lowest ?? 40) + (highest ?? 40)) / 2;
      const half = Math.max(10, (((highest ?? 40) - (lowest ?? 40)) / 2) * 1.2);
      return [Math.floor(middle - half), Math.ceil(middle + half)];
    }
  }
}

/** Shades the time of each alert, with a line where it was raised and where it was cleared. */
function drawAlerts(plot: uPlot, { alerts, palette, span }: Picture): void {
  const { ctx, bbox } = plot;
  const at = (atMs: number) => Math.round(plot.valToPos(atMs, 'x', true));
  const line = Math.max(1, Math.round(window.devicePixelRatio));
  ctx.save();
  for (const { level, since_ms, cleared_ms } of alerts) {
    const colour =
      level === 'HIGH' ? palette.high : level === 'MEDIUM' ? palette.medium : palette.ink;
    const left = at(Math.max(span.fromMs, since_ms));
    const right = at(Math.min(span.toMs, cleared_ms ?? span.toMs));
    ctx.fillStyle = faded(colour, 0.1);
    ctx.fillRect(left, bbox.top, Math.max(line, right - left), bbox.height);
    ctx.fillStyle = faded(colour, 0.8);
    if (since_ms > span.fromMs) ctx.fillRect(left, bbox.top, line, bbox.height);
    if (cleared_ms !== undefined && cleared_ms < span.toMs) {
      ctx.fillRect(right, bbox.top, line, bbox.height);
    }
  }
  ctx.restore();
}

function drawThresholds(plot: uPlot, { thresholds, palette, chart }: Picture): void {
  const { ctx, bbox } = plot;
  const ratio = window.devicePixelRatio;
  ctx.save();
  ctx.font = palette.font.replace('12px', `${Math.round(11 * ratio)}px`);
  ctx.lineWidth = ratio;
  ctx.setLineDash([4 * ratio, 4 * ratio]);
  for (const { level, percentage, name, words } of thresholds) {
    const y = Math.round(plot.valToPos(percentage, 'y', true)) + 0.5;
    const colour = level === 'HIGH' ? palette.high : palette.medium;
    ctx.strokeStyle = faded(colour, 0.75);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.fillStyle = colour;
    // Those of one line stand at the right, those of the next at the left: they may lie close.
    const line = chart.lines.findIndex((one) => one.name === name);
    const isLeft = line > 0 && line % 2 === 1;
    ctx.textAlign = isLeft ? 'left' : 'right';
    const x = isLeft ? bbox.left + 4 * ratio : bbox.left + bbox.width - 4 * ratio;
    const isAtTop = percentage > 92;
    ctx.textBaseline = isAtTop ? 'top' : 'bottom';
    ctx.fillText(words, x, y + (isAtTop ? 2 : -2) * ratio);
  }
  ctx.restore();
}
