import { describe, expect, it } from 'vitest';
import { joined, nearest, stepped, summarised } from './columns';
import type { Answer, HistorySeries } from './history';
import type { TailSample } from './live-tail';

const ofAverages = (...average: (number | null)[]): HistorySeries => ({
  minimum: average.map((value) => (value === null ? null : value - 1)),
  average,
  maximum: average.map((value) => (value === null ? null : value + 1)),
  samples: average.map((value) => (value === null ? 0 : 10)),
});

const answerOf = (series: Record<string, HistorySeries>, more: Partial<Answer> = {}): Answer => {
  const columns = Object.values(series)[0]?.average.length ?? 0;
  return {
    fromMs: 0,
    toMs: columns * 10_000,
    stepMs: 10_000,
    tier: '10s',
    timestampsMs: Array.from({ length: columns }, (_, i) => i * 10_000),
    series: new Map(Object.entries(series)),
    ...more,
  };
};

const sample = (timestampMs: number, values: Record<string, number>): TailSample => ({
  timestampMs,
  values: new Map(Object.entries(values)),
});

const CPU = [['cpu']];

describe('history', () => {
  it('is drawn in the middle of its columns, with gaps as gaps', () => {
    const { timesMs, lines } = joined(CPU, answerOf({ cpu: ofAverages(5, null, 7) }), [], 1_000);
    expect(timesMs).toEqual([5_000, 15_000, 25_000]);
    expect(lines[0]?.average).toEqual([5, null, 7]);
    expect(lines[0]?.minimum).toEqual([4, null, 6]);
    expect(lines[0]?.maximum).toEqual([6, null, 8]);
  });

  it('ends where it ends: a last column that has just begun reaches no further', () => {
    const answer = answerOf({ cpu: ofAverages(5, 6) }, { toMs: 14_000 });
    expect(joined(CPU, answer, [], 1_000).timesMs).toEqual([5_000, 12_000]);
  });

  it('at full resolution stands where the samples were taken', () => {
    const answer = answerOf({ cpu: ofAverages(5, 6) }, { tier: 'raw' });
    expect(joined(CPU, answer, [], 10_000).timesMs).toEqual([0, 10_000]);
  });

  it('of several resources is added up, without a band', () => {
    const answer = answerOf({ a: ofAverages(5, null, null), b: ofAverages(1, 2, null) });
    const [line] = joined([['a', 'b']], answer, [sample(40_000, { a: 1 })], 1_000).lines;
    expect(line?.average).toEqual([6, 2, null, 1]);
    expect(line?.maximum).toEqual([null, null, null, 1]);
  });

  it('of several resources at full resolution is exact', () => {
    const one = (value: number): HistorySeries => ({ ...ofAverages(value), samples: [1] });
    const [line] = joined([['a', 'b']], answerOf({ a: one(5), b: one(1) }), [], 1_000).lines;
    expect([line?.minimum, line?.maximum]).toEqual([[6], [6]]);
  });
});

describe('the live tail', () => {
  it('goes on where history ends', () => {
    const answer = answerOf({ cpu: ofAverages(5, 6, null, null) });
    const tail = [11_000, 15_000, 16_000, 17_000].map((at) => sample(at, { cpu: at / 1_000 }));
    const { timesMs, lines } = joined(CPU, answer, tail, 1_000);
    expect(timesMs).toEqual([5_000, 15_000, 16_000, 17_000]);
    expect(lines[0]?.average).toEqual([5, 6, 16, 17]);
  });

  it('stands alone while there is no history', () => {
    const tail = [1_000, 2_000].map((at) => sample(at, { cpu: 3 }));
    expect(joined(CPU, undefined, tail, 1_000).timesMs).toEqual([1_000, 2_000]);
  });

  it('has gaps where samples are missing, also after history', () => {
    const answer = answerOf({ cpu: ofAverages(5) });
    const tail = [30_000, 31_000, 34_000].map((at) => sample(at, { cpu: 3 }));
    const { timesMs, lines } = joined(CPU, answer, tail, 1_000);
    expect(timesMs).toEqual([5_000, 17_500, 30_000, 31_000, 32_500, 34_000]);
    expect(lines[0]?.average).toEqual([5, null, 3, 3, null, 3]);
  });

  it('has a gap in the line that was not sent', () => {
    const tail = [sample(1_000, { cpu: 3, swap: 4 }), sample(2_000, { cpu: 3 })];
    const { lines } = joined([['cpu'], ['swap']], undefined, tail, 1_000);
    expect(lines[1]?.average).toEqual([4, null]);
  });
});

describe('a summary', () => {
  const columns = joined(
    CPU,
    answerOf({ cpu: ofAverages(5, null, 8) }),
    [sample(30_000, { cpu: 20 })],
    1_000,
  );

  it('weighs columns by their samples', () => {
    expect(summarised(columns, 0, { fromMs: 0, toMs: 40_000 })).toEqual({
      latest: 20,
      minimum: 4,
      average: (50 + 80 + 20) / 21,
      maximum: 20,
    });
  });

  it('knows no extremes of a sum of averages', () => {
    const sum = joined([['a', 'b']], answerOf({ a: ofAverages(5), b: ofAverages(1) }), [], 1_000);
    expect(summarised(sum, 0, { fromMs: 0, toMs: 40_000 })).toEqual({
      ...{ latest: 6, average: 6 },
      ...{ minimum: null, maximum: null },
    });
  });

  it('is of the span alone', () => {
    expect(summarised(columns, 0, { fromMs: 0, toMs: 10_000 })?.latest).toBe(5);
    expect(summarised(columns, 0, { fromMs: 10_000, toMs: 20_000 })).toBeNull();
  });
});

describe('the cursor', () => {
  it('is at the nearest column', () => {
    expect(nearest([], 5)).toBe(-1);
    expect(nearest([10, 20, 40], -5)).toBe(0);
    expect(nearest([10, 20, 40], 29)).toBe(1);
    expect(nearest([10, 20, 40], 31)).toBe(2);
    expect(nearest([10, 20, 40], 500)).toBe(2);
  });

  it('steps over gaps and stays inside the span', () => {
    const columns = joined(CPU, answerOf({ cpu: ofAverages(5, null, 7, 8) }), [], 1_000);
    const span = { fromMs: 0, toMs: 30_000 };
    expect(stepped(columns, 5_000, 1, span)).toBe(25_000);
    expect(stepped(columns, 25_000, 1, span)).toBe(25_000);
    expect(stepped(columns, 25_000, -10, span)).toBe(5_000);
    expect(stepped(columns, 0, 1, { fromMs: 50_000, toMs: 60_000 })).toBeUndefined();
  });
});
