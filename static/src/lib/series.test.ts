import { describe, expect, it } from 'vitest';
import { isolated, POINTS_KEPT, Series } from './series';

function seriesOf(...points: [number, number][]): Series {
  const series = new Series();
  for (const [time, value] of points) series.insert(time, value);
  return series;
}

describe('a series', () => {
  it('keeps points in order, whatever order they come in', () => {
    const series = seriesOf([3_000, 3], [1_000, 1], [2_000, 2]);
    expect(series.columns(1_000)).toEqual([
      [1_000, 2_000, 3_000],
      [1, 2, 3],
    ]);
  });

  it('has one point for one instant, the last that came', () => {
    const series = seriesOf([1_000, 1], [2_000, 2], [1_000, 9]);
    expect(series.columns(1_000)).toEqual([
      [1_000, 2_000],
      [9, 2],
    ]);
  });

  it('forgets the oldest when it is full', () => {
    const series = new Series();
    for (let i = 0; i < POINTS_KEPT + 5; i += 1) series.insert(i, 0);
    expect(series.length).toBe(POINTS_KEPT);
    expect(series.columns(1)[0][0]).toBe(5);
    expect(series.newestMs).toBe(POINTS_KEPT + 4);
  });

  it('takes no point older than a full series', () => {
    const series = new Series();
    for (let i = 0; i < POINTS_KEPT; i += 1) series.insert(1_000 + i, 0);
    series.insert(1, 50);
    expect(series.length).toBe(POINTS_KEPT);
    expect(series.columns(1)[0][0]).toBe(1_000);
  });

  it('knows its usual interval in spite of a gap', () => {
    const series = seriesOf([0, 1], [1_000, 1], [2_000, 1], [60_000, 1], [61_000, 1]);
    expect(series.medianIntervalMs()).toBe(1_000);
    expect(seriesOf([0, 1]).medianIntervalMs()).toBeUndefined();
  });
});

describe('columns', () => {
  it('have a gap between points further apart than 1.5 intervals', () => {
    const series = seriesOf([0, 1], [1_000, 2], [2_501, 3]);
    expect(series.columns(1_000)).toEqual([
      [0, 1_000, 1_750.5, 2_501],
      [1, 2, null, 3],
    ]);
  });

  it('have none at exactly 1.5 intervals', () => {
    expect(seriesOf([0, 1], [1_500, 2]).columns(1_000)[1]).toEqual([1, 2]);
  });

  it('are empty for an empty series', () => {
    expect(new Series().columns(1_000)).toEqual([[], []]);
  });
});

describe('isolated', () => {
  it('finds values that no line would show', () => {
    expect(isolated([1, null, 2, 3, null, 4])).toEqual([0, 5]);
    expect(isolated([1])).toEqual([0]);
    expect(isolated([])).toEqual([]);
  });
});
