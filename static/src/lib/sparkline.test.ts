import { expect, it } from 'vitest';
import { Series } from './series';
import { runs } from './sparkline.svelte';

it('breaks the line at a gap, and begins at the left edge', () => {
  const series = new Series();
  for (const timeMs of [0, 1_000, 2_500, 4_001, 5_000]) series.insert(timeMs, timeMs / 100);
  const times = runs(series, 1_000, 1_500).map((run) => run.map(({ timeMs }) => timeMs));
  expect(times).toEqual([
    [1_000, 2_500],
    [4_001, 5_000],
  ]);
  expect(runs(new Series(), 0, 1)).toEqual([]);
});
