import { describe, expect, it } from 'vitest';
import { LiveTail, SAMPLES_KEPT } from './live-tail';

const at = (timestampMs: number) => ({ timestampMs, values: new Map([['cpu', timestampMs]]) });
const timesOf = (tail: LiveTail) => tail.samples.map((sample) => sample.timestampMs);

describe('the live tail', () => {
  it('takes each sample once and notices what it missed', () => {
    const tail = new LiveTail();
    expect(tail.add(at(1_000), 1_000)).toBe('next');
    expect(tail.add(at(1_000), 1_000)).toBe('known');
    expect(tail.add(at(2_000), 1_000)).toBe('next');
    expect(tail.add(at(5_000), 1_000)).toBe('next');
    expect(tail.add(at(8_500), 1_000)).toBe('after a gap');
    expect(timesOf(tail)).toEqual([1_000, 2_000, 5_000, 8_500]);
  });

  it('forgets what was later when the clock is set back', () => {
    const tail = new LiveTail();
    for (const time of [1_000, 2_000, 3_000]) tail.add(at(time), 1_000);
    expect(tail.add(at(1_500), 1_000)).toBe('set back');
    expect(timesOf(tail)).toEqual([1_000, 1_500]);
  });

  it('finds nothing missing where only every other sample of a quick host is told', () => {
    const tail = new LiveTail();
    for (const time of [0, 200, 300, 590]) expect(tail.add(at(time), 100)).toBe('next');
    expect(tail.add(at(1_000), 100)).toBe('after a gap');
  });

  it('stays short', () => {
    const tail = new LiveTail();
    for (let i = 0; i < SAMPLES_KEPT + 5; i += 1) tail.add(at(i), 1);
    expect(tail.samples).toHaveLength(SAMPLES_KEPT);
    expect(timesOf(tail)[0]).toBe(5);
  });
});
