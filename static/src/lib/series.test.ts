import { describe, expect, it } from 'vitest';
import { CLOSEST_POINTS_MS, POINTS_KEPT } from './generated/constants';
import { isolated, Series } from './series';

const points = (series: Series) => {
  const found: [number, number][] = [];
  series.forEach((timeMs, percentage) => found.push([timeMs, percentage]));
  return found;
};

function seriesOf(...points: [number, number][]): Series {
  const series = new Series();
  for (const [time, value] of points) series.insert(time, value);
  return series;
}

describe('a series', () => {
  it('keeps points in order, whatever order they come in', () => {
    const series = seriesOf([3_000, 3], [1_000, 1], [2_000, 2]);
    expect(points(series)).toEqual([
      [1_000, 1],
      [2_000, 2],
      [3_000, 3],
    ]);
  });

  it('has one point for one instant, the last that came', () => {
    const series = seriesOf([1_000, 1], [2_000, 2], [1_000, 9]);
    expect(points(series)).toEqual([
      [1_000, 9],
      [2_000, 2],
    ]);
  });

  it('forgets the oldest when it is full', () => {
    const series = new Series();
    for (let i = 0; i < POINTS_KEPT + 5; i += 1) series.insert(1_000 * i, 0);
    expect(series.length).toBe(POINTS_KEPT);
    expect(points(series)[0]?.[0]).toBe(5_000);
    expect(series.newestMs).toBe(1_000 * (POINTS_KEPT + 4));
  });

  it.each([100, 400, 700, 800, 1_000])('holds two minutes of a host read every %d ms', (stepMs) => {
    const series = new Series();
    for (let timeMs = 0; timeMs <= 400_000; timeMs += stepMs) series.insert(timeMs, 0);
    const times = points(series).map(([timeMs]) => timeMs);
    expect(times.length).toBeLessThanOrEqual(POINTS_KEPT);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(120_000);
    const distances = times.slice(1).map((timeMs, i) => timeMs - (times[i] ?? 0));
    expect(Math.max(...distances)).toBeLessThanOrEqual(CLOSEST_POINTS_MS);
  });

  it('takes no point older than a full series', () => {
    const series = new Series();
    for (let i = 0; i < POINTS_KEPT; i += 1) series.insert(1_000 * (1 + i), 0);
    series.insert(1, 50);
    expect(series.length).toBe(POINTS_KEPT);
    expect(points(series)[0]?.[0]).toBe(1_000);
  });
});

describe('isolated', () => {
  it('finds values that no line would show', () => {
    expect(isolated([1, null, 2, 3, null, 4])).toEqual([0, 5]);
    expect(isolated([1])).toEqual([0]);
    expect(isolated([])).toEqual([]);
  });
});
