import { describe, expect, it } from 'vitest';
import { gapMs, LiveTail, SAMPLES_KEPT } from './live-tail';

const at = (timestampMs: number) => ({ timestampMs, values: new Map([['cpu', timestampMs]]) });
const timesOf = (tail: LiveTail) => tail.samples.map((sample) => sample.timestampMs);

describe('the live tail', () => {
  it('takes each sample once and notices what it missed', () => {
    const tail = new LiveTail();
    expect(tail.add(at(1_000), 1_500)).toBe('next');
    expect(tail.add(at(1_000), 1_500)).toBe('known');
    expect(tail.add(at(2_000), 1_500)).toBe('next');
    expect(tail.add(at(5_000), 1_500)).toBe('next');
    expect(tail.add(at(8_500), 1_500)).toBe('after a gap');
    expect(timesOf(tail)).toEqual([1_000, 2_000, 5_000, 8_500]);
  });

  it('forgets what was later when the clock is set back', () => {
    const tail = new LiveTail();
    for (const time of [1_000, 2_000, 3_000]) tail.add(at(time), 1_500);
    expect(tail.add(at(1_500), 1_500)).toBe('set back');
    expect(timesOf(tail)).toEqual([1_000, 1_500]);
  });

  it('finds nothing missing where only every other sample of a quick host is told', () => {
    const tail = new LiveTail();
    for (const time of [0, 200, 300, 890]) expect(tail.add(at(time), 300)).toBe('next');
    expect(tail.add(at(1_500), 300)).toBe('after a gap');
  });

  it.each([
    { intervalMs: 1_000, pushIntervalMs: 80, missedMs: 2_000 },
    { intervalMs: 100, pushIntervalMs: 80, missedMs: 400 },
    { intervalMs: 400, pushIntervalMs: 500, missedMs: 1_600 },
    { intervalMs: 1_000, pushIntervalMs: 1_100, missedMs: 3_000 },
  ])(
    'has no gap between samples every $intervalMs ms told every $pushIntervalMs ms',
    ({ intervalMs, pushIntervalMs, missedMs }) => {
      const limitMs = gapMs(intervalMs, pushIntervalMs);
      const told = new Set<number>();
      for (let nowMs = 0; nowMs < 60_000; nowMs += pushIntervalMs) {
        told.add(Math.floor(nowMs / intervalMs) * intervalMs);
      }
      const times = [...told];
      const distances = times.slice(1).map((time, i) => time - (times[i] ?? NaN));
      expect(Math.max(...distances)).toBeLessThanOrEqual(limitMs);
      expect(limitMs).toBeLessThan(missedMs);
    },
  );

  it('stays short', () => {
    const tail = new LiveTail();
    for (let i = 0; i < SAMPLES_KEPT + 5; i += 1) tail.add(at(i), 1);
    expect(tail.samples).toHaveLength(SAMPLES_KEPT);
    expect(timesOf(tail)[0]).toBe(5);
  });
});
