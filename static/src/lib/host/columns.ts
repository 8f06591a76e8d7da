/** History and the live tail, joined into the columns a chart draws. Pure. */

import type { Answer, HistorySeries } from './history';
import { GAP_DISTANCES, type TailSample } from './live-tail';
import type { Span } from './range';

/** One line over time; `null` is a gap. All lists are as long as the times of its chart. */
export interface LineColumns {
  readonly minimum: readonly (number | null)[];
  readonly average: readonly (number | null)[];
  readonly maximum: readonly (number | null)[];
  /** Samples each column stands for. */
  readonly samples: readonly number[];
}

export interface Columns {
  readonly timesMs: readonly number[];
  readonly lines: readonly LineColumns[];
}

interface GrowingLine {
  minimum: (number | null)[];
  average: (number | null)[];
  maximum: (number | null)[];
  samples: number[];
}

/**
 * The columns of some lines, each the sum of one or more resources.
 *
 * The tail begins where history ends; what both know is taken from history. Samples of the tail
 * further apart than `limitMs` have a gap between them.
 */
export function joined(
  lines: readonly (readonly string[])[],
  answer: Answer | undefined,
  tail: readonly TailSample[],
  limitMs: number,
): Columns {
  const timesMs: number[] = [];
  const grown: GrowingLine[] = lines.map(() => ({
    minimum: [],
    average: [],
    maximum: [],
    samples: [],
  }));
  if (answer !== undefined) takeHistory(lines, answer, timesMs, grown);
  const historyEndMs = timesMs.at(-1);
  const seamMs = Math.max(limitMs, GAP_DISTANCES * (answer?.stepMs ?? 0));
  let beforeMs = historyEndMs;
  let allowedMs = seamMs;
  for (const { timestampMs, values } of tail) {
    if (historyEndMs !== undefined && timestampMs <= historyEndMs) continue;
    if (beforeMs !== undefined && timestampMs - beforeMs > allowedMs) {
      timesMs.push((beforeMs + timestampMs) / 2);
      for (const line of grown) push(line, null, null, null, 0);
    }
    timesMs.push(timestampMs);
    lines.forEach((parts, i) => {
      const line = grown[i];
      if (line === undefined) return;
      const value = sum(parts.map((part) => values.get(part) ?? null));
      push(line, value, value, value, value === null ? 0 : 1);
    });
    beforeMs = timestampMs;
    allowedMs = limitMs;
  }
  return { timesMs, lines: grown };
}

function takeHistory(
  lines: readonly (readonly string[])[],
  answer: Answer,
  timesMs: number[],
  grown: GrowingLine[],
): void {
  const all = lines.map((parts) => parts.map((part) => answer.series.get(part)));
  // What is not there yet at the end is no gap: the tail may well have it.
  let end = answer.timestampsMs.length;
  const isEmpty = (column: number) =>
    all.every((parts) => parts.every((part) => (part?.average[column] ?? null) === null));
  while (end > 0 && isEmpty(end - 1)) end -= 1;
  for (let column = 0; column < end; column += 1) {
    timesMs.push(middleMs(answer, column));
    all.forEach((parts, i) => {
      const line = grown[i];
      if (line !== undefined) pushColumn(line, parts, column);
    });
  }
}

/** Where a column is drawn: in its middle, the last one in the middle of what is there of it. */
function middleMs({ tier, timestampsMs, stepMs, toMs }: Answer, column: number): number {
  const startMs = timestampsMs[column] ?? 0;
  if (tier === 'raw') return startMs;
  return startMs + Math.min(stepMs, Math.max(0, toMs - startMs)) / 2;
}

function pushColumn(
  line: GrowingLine,
  parts: readonly (HistorySeries | undefined)[],
  column: number,
): void {
  const average = sum(parts.map((part) => part?.average[column] ?? null));
  const samples = Math.max(0, ...parts.map((part) => part?.samples[column] ?? 0));
  const [only, ...others] = parts;
  if (only !== undefined && others.length === 0) {
    push(line, only.minimum[column], average, only.maximum[column], samples);
    return;
  }
  // The lowest of a sum is not the sum of the lowest: of several samples nobody knows it.
  const known = samples > 1 ? null : average;
  push(line, known, average, known, samples);
}

function push(
  line: GrowingLine,
  minimum: number | null | undefined,
  average: number | null,
  maximum: number | null | undefined,
  samples: number,
): void {
  line.minimum.push(minimum ?? null);
  line.average.push(average);
  line.maximum.push(maximum ?? null);
  line.samples.push(samples);
}

function sum(values: readonly (number | null)[]): number | null {
  let total: number | null = null;
  for (const value of values) if (value !== null) total = (total ?? 0) + value;
  return total;
}

/** A line in words: what a chart says to who does not see it. */
export interface Summary {
  readonly latest: number;
  /** `null`, as is `maximum`, when no column tells it. */
  readonly minimum: number | null;
  /** Weighted by samples, so that a wide column counts for what it holds. */
  readonly average: number;
  readonly maximum: number | null;
}

/** Sums up what a line shows of a span; `null` when that is nothing. */
export function summarised(
  columns: Columns,
  index: number,
  { fromMs, toMs }: Span,
): Summary | null {
  const line = columns.lines[index];
  if (line === undefined) return null;
  let [latest, minimum, maximum, total, samples] = [NaN, Infinity, -Infinity, 0, 0];
  columns.timesMs.forEach((timeMs, i) => {
    const average = line.average[i] ?? null;
    if (average === null || timeMs < fromMs || timeMs > toMs) return;
    const weight = Math.max(1, line.samples[i] ?? 1);
    latest = average;
    minimum = Math.min(minimum, line.minimum[i] ?? NaN);
    maximum = Math.max(maximum, line.maximum[i] ?? NaN);
    total += average * weight;
    samples += weight;
  });
  if (samples === 0) return null;
  const known = (value: number) => (Number.isNaN(value) ? null : value);
  return { latest, minimum: known(minimum), average: total / samples, maximum: known(maximum) };
}

/** The column nearest to an instant; -1 when there is none. */
export function nearest(timesMs: readonly number[], instantMs: number): number {
  let [low, high] = [0, timesMs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((timesMs[middle] ?? 0) < instantMs) low = middle + 1;
    else high = middle;
  }
  const [before, after] = [timesMs[low - 1], timesMs[low]];
  if (before === undefined) return after === undefined ? -1 : low;
  return after !== undefined && after - instantMs < instantMs - before ? low : low - 1;
}

/**
 * The column `steps` columns after the one at an instant, among those of a span that hold
 * something; `undefined` when there is none.
 */
export function stepped(
  columns: Columns,
  instantMs: number,
  steps: number,
  { fromMs, toMs }: Span,
): number | undefined {
  const times = columns.timesMs.filter(
    (timeMs, i) =>
      timeMs >= fromMs &&
      timeMs <= toMs &&
      columns.lines.some((line) => (line.average[i] ?? null) !== null),
  );
  const index = nearest(times, instantMs) + steps;
  return times[Math.min(times.length - 1, Math.max(0, index))];
}
