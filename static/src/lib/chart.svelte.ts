/** The sparkline of one row: one uPlot per element, made once and then fed. */

import type { Attachment } from 'svelte/attachments';
import type uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { HostEntry } from './fleet.svelte';
import { inFrame, notInFrame } from './frames';
import { DEFAULT_INTERVAL_MS, isolated, POINTS_KEPT } from './series';
import { theme, type ChartColours } from './theme.svelte';

/**
 * The library, loaded apart: preparing it takes as long as all the rest of the page, so it happens
 * in a task of its own, while the first snapshot is on its way.
 */
let library: typeof uPlot | undefined;
let loading: Promise<void> | undefined;

export function loadCharts(): Promise<void> {
  loading ??= import('uplot').then(
    (module) => {
      library = module.default;
    },
    () => {
      // Connection lost in between: the figures show without charts, the next row tries again.
      loading = undefined;
    },
  );
  return loading;
}

/** Width of a dot, in pixels of the style sheet. */
const DOT_SIZE = 3;

/** What a chart is to show; a new one for each change, so that a change is never missed. */
interface Wanted {
  readonly host: HostEntry;
  readonly pointsVersion: number;
  readonly colours: ChartColours;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * Draws the recent CPU of a host into the element it is attached to. The host may change: a row
 * that is used for another host keeps its chart.
 */
export function sparkline(host: () => HostEntry): Attachment<HTMLElement> {
  return (element) => {
    let chart: uPlot | undefined;
    let wanted: Wanted | undefined;
    let size: Size = { width: 0, height: 0 };

    const draw = () => {
      if (library === undefined || wanted === undefined) return;
      if (size.width === 0 || size.height === 0) return;
      const { series, intervalMs } = wanted.host;
      const columns = series.columns(intervalMs);
      if (chart === undefined) {
        chart = new library(
          shape(() => wanted, size),
          columns,
          element,
        );
        return;
      }
      chart.batch(() => {
        if (chart?.width !== size.width || chart.height !== size.height) chart?.setSize(size);
        chart?.setData(columns);
      });
    };

    const observer = new ResizeObserver(([entry]) => {
      if (entry === undefined) return;
      const { width, height } = entry.contentRect;
      size = { width: Math.floor(width), height: Math.floor(height) };
      inFrame(draw);
    });
    observer.observe(element);

    $effect(() => {
      const entry = host();
      wanted = {
        host: entry,
        pointsVersion: entry.pointsVersion,
        colours: theme.charts[entry.analysis.cpu_result],
      };
      inFrame(draw);
    });

    void loadCharts().then(() => {
      inFrame(draw);
    });

    return () => {
      // A library that arrives only now has nothing left to draw.
      wanted = undefined;
      notInFrame(draw);
      observer.disconnect();
      chart?.destroy();
    };
  };
}

function shape(wanted: () => Wanted | undefined, size: Size): uPlot.Options {
  const line = () => wanted()?.colours.line ?? '';
  return {
    ...size,
    // Times are in milliseconds; nothing shows them, so they are plain numbers.
    scales: { x: { time: false, range: () => edges(wanted()?.host) }, y: { range: [0, 100] } },
    axes: [{ show: false }, { show: false }],
    legend: { show: false },
    cursor: { show: false },
    padding: [3, 4, 1, 1],
    series: [
      {},
      {
        width: 1.25,
        stroke: line,
        fill: () => wanted()?.colours.area ?? '',
        points: { show: true, size: DOT_SIZE, width: 0, fill: line, filter: dots },
      },
    ],
  };
}

/** Times at the chart's edges: the line of a young host starts at the right and grows leftwards. */
function edges(host: HostEntry | undefined): [number, number] {
  const newestMs = host?.series.newestMs ?? 0;
  return [newestMs - (POINTS_KEPT - 1) * (host?.intervalMs ?? DEFAULT_INTERVAL_MS), newestMs];
}

/** Values to mark with a dot: those that no line shows, and the newest. */
function dots(chart: uPlot, seriesIndex: number): number[] {
  const values = Array.from(chart.data[seriesIndex] ?? []);
  const newest = values.length - 1;
  const alone = isolated(values);
  return newest < 0 || alone.includes(newest) ? alone : [...alone, newest];
}
