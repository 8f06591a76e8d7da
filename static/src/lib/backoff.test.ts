import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff';

const waits = (random: number, count: number) => {
  const backoff = new Backoff(() => random);
  return Array.from({ length: count }, () => backoff.nextMs());
};

describe('a backoff', () => {
  it('doubles its ceiling up to ten seconds', () => {
    expect(waits(0.999_999, 6)).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });

  it('never waits less than half a second', () => {
    expect(waits(0, 5)).toEqual([500, 500, 500, 500, 500]);
  });

  it('stays in range however often it fails', () => {
    const backoff = new Backoff();
    for (let i = 0; i < 2_000; i += 1) {
      const wait = backoff.nextMs();
      expect(wait).toBeGreaterThanOrEqual(500);
      expect(wait).toBeLessThanOrEqual(10_000);
    }
  });

  it('starts anew after a reset', () => {
    const backoff = new Backoff(() => 0.999_999);
    backoff.nextMs();
    backoff.nextMs();
    backoff.reset();
    expect(backoff.nextMs()).toBe(1_000);
  });
});
