/** The chart of one element: one uPlot, made once and then fed. */

import type { Attachment } from 'svelte/attachments';
import type uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { inFrame, notInFrame } from '../frames';
import { alignedData, plotOptions, type Gestures, type Picture } from './plot-options';

/** Pixels a chart has on paper, whatever the window has. */
const PAPER = { width: 640, height: 170 };

/** Columns that cannot be told apart any more on the widest screen. */
const COLUMNS_AT_MOST = 1_200;
const COLUMNS_AT_LEAST = 100;

/** Columns worth asking for: about one for each pixel of a chart, in steps. */
export function columnsFor(widthPx: number): number {
  const stepped = Math.ceil(widthPx / 100) * 100;
  return Math.min(COLUMNS_AT_MOST, Math.max(COLUMNS_AT_LEAST, stepped));
}

export interface PlotInput {
  /** Follows everything the picture depends on. */
  readonly picture: () => Picture;
  /** The instant all charts point at. */
  readonly cursorMs: () => number | undefined;
  readonly gestures: Gestures;
  /** The library could not be loaded. */
  readonly failed: () => void;
}

/** Draws a picture into the element it is attached to, and again whenever the picture changes. */
export function plot(input: PlotInput): Attachment<HTMLElement> {
  return (element) => {
    let library: typeof uPlot | undefined;
    let chart: uPlot | undefined;
    /** What the present chart was made for: other lines need another one. */
    let madeFor = '';
    let picture: Picture | undefined;
    let cursorMs: number | undefined;
    let isGone = false;
    let isOnPaper = false;

    const size = () =>
      isOnPaper ? PAPER : { width: element.clientWidth, height: element.clientHeight };

    const draw = () => {
      const { width, height } = size();
      if (library === undefined || picture === undefined || width === 0 || height === 0) return;
      const first = picture;
      const shape = `${picture.chart.id} ${picture.chart.unit} ${picture.chart.lines.length}`;
      if (chart === undefined || shape !== madeFor) {
        chart?.destroy();
        madeFor = shape;
        chart = new library(
          plotOptions(() => picture ?? first, { width, height }, input.gestures),
          alignedData(picture.columns),
          element,
        );
      } else {
        const made = chart;
        const data = alignedData(picture.columns);
        made.batch(() => {
          if (made.width !== width || made.height !== height) made.setSize({ width, height });
          // Scales follow the picture; colours may have changed with the theme.
          made.setData(data);
          made.redraw(true, true);
        });
      }
      point();
    };

    /** Shows the cursor of another chart, or of the keyboard; the own pointer is where it is. */
    const point = () => {
      if (chart === undefined || element.matches(':hover')) return;
      const left = cursorMs === undefined ? -10 : chart.valToPos(cursorMs, 'x');
      chart.setCursor({ left, top: cursorMs === undefined ? -10 : 0 }, false);
    };

    const observer = new ResizeObserver(() => {
      inFrame(draw);
    });
    observer.observe(element);

    $effect(() => {
      picture = input.picture();
      inFrame(draw);
    });

    $effect(() => {
      cursorMs = input.cursorMs();
      inFrame(point);
    });

    // Paper is another width and always light: what is drawn for it must be there at once.
    const toPaper = () => {
      isOnPaper = true;
      draw();
    };
    const toScreen = () => {
      isOnPaper = false;
      inFrame(draw);
    };
    const leave = () => {
      input.gestures.point(undefined);
    };
    element.addEventListener('pointerleave', leave);
    element.addEventListener('chart-to-paper', toPaper);
    element.addEventListener('chart-to-screen', toScreen);

    import('uplot').then(
      (module) => {
        library = module.default;
        if (!isGone) inFrame(draw);
      },
      () => {
        if (!isGone) input.failed();
      },
    );

    return () => {
      isGone = true;
      notInFrame(draw);
      notInFrame(point);
      observer.disconnect();
      element.removeEventListener('pointerleave', leave);
      element.removeEventListener('chart-to-paper', toPaper);
      element.removeEventListener('chart-to-screen', toScreen);
      chart?.destroy();
    };
  };
}
