/** The sparkline of one row: one uPlot per element, made once and then fed. */

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Attachment } from 'svelte/attachments';
import type { HostEntry } from './fleet.svelte';
import { inFrame, notInFrame } from './frames';
import { isolated, POINTS_KEPT } from './series';
import { theme } from './theme.svelte';

/** Radius of a dot that stands for a value without neighbours, in pixels of the screen. */
const DOT_SIZE = 3;

/**
 * Draws the recent CPU of a host into the element it is attached to. The host may change: a row
 * that is used for another host keeps its chart.
 */
export function sparkline(host: () => HostEntry): Attachment<HTMLElement> {
  return (element) => {
    let chart: uPlot | undefined;
    let size = { width: 0, height: 0 };
    /** Times at the chart's edges: a young host's line starts at the right and grows leftwards. */
    let edges: [number, number] = [0, 1];

    const draw = () => {
      if (size.width === 0 || size.height === 0) return;
      const { series, intervalMs } = host();
      const newestMs = series.newestMs ?? 0;
      edges = [newestMs - (POINTS_KEPT - 1) * intervalMs, newestMs];
      const columns = series.columns(intervalMs);
      if (chart === undefined) {
        chart = new uPlot(shape(host, () => edges, size), columns, element);
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
      const { level } = host();
      void host().pointsVersion;
      void theme.charts[level];
      inFrame(draw);
    });

    return () => {
      notInFrame(draw);
      observer.disconnect();
      chart?.destroy();
    };
  };
}

function shape(
  host: () => HostEntry,
  edges: () => [number, number],
  size: { width: number; height: number },
): uPlot.Options {
  const colours = () => theme.charts[host().analysis.cpu_result];
  return {
    ...size,
    // Times are in milliseconds; nothing shows them, so they are plain numbers.
    scales: { x: { time: false, range: edges }, y: { range: [0, 100] } },
    axes: [{ show: false }, { show: false }],
    legend: { show: false },
    cursor: { show: false },
    padding: [3, 4, 1, 1],
    series: [
      {},
      {
        width: 1.25,
        stroke: () => colours().line,
        fill: () => colours().area,
        points: {
          show: true,
          size: DOT_SIZE,
          width: 0,
          fill: () => colours().line,
          filter: (self, seriesIndex) => {
            const values = self.data[seriesIndex] ?? [];
            const newest = values.length - 1;
            const alone = isolated(values);
            return newest < 0 || alone.includes(newest) ? alone : [...alone, newest];
          },
        },
      },
    ],
  };
}
