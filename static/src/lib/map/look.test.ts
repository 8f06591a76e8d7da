import { describe, expect, it } from 'vitest';
import type { Freshness } from '../store';
import { decode, LOOKS, lookOf, STEPS, tileKey } from './look';

const FRESHNESS: readonly Freshness[] = ['fresh', 'late', 'silent'];

describe('lookOf', () => {
  it('gives each look a code of its own, and back', () => {
    const codes = new Set<number>();
    for (const freshness of FRESHNESS) {
      for (const level of [0, 1, 2]) {
        for (const cpu of [0, 25, 50, 75, 100, NaN]) {
          for (const hasAlerts of [false, true]) {
            const look = lookOf(level, cpu, freshness, hasAlerts);
            expect(look).toBeGreaterThanOrEqual(0);
            expect(look).toBeLessThan(LOOKS);
            expect(decode(look)).toMatchObject({ level, freshness, hasAlerts });
            codes.add(look);
          }
        }
      }
    }
    expect(codes.size).toBe(2 * (3 * STEPS * 2 + 3));
  });

  it('is stronger the more CPU is used, and weakest when that is not known', () => {
    const steps = [NaN, 0, 24.9, 25, 99, 100].map((cpu) => decode(lookOf(0, cpu, 'fresh')).step);
    expect(steps).toEqual([0, 0, 0, 1, 3, 3]);
  });

  it('tells nothing of the figures of a silent host', () => {
    expect(lookOf(1, 90, 'silent')).toBe(lookOf(1, 3, 'silent'));
  });
});

describe('tileKey', () => {
  it('changes with what a tile shows, and with nothing else', () => {
    const look = lookOf(0, 10, 'fresh');
    expect(tileKey(look, 10.2)).toBe(tileKey(look, 9.8));
    expect(tileKey(look, 10.2)).not.toBe(tileKey(look, 11));
    expect(tileKey(look, NaN)).not.toBe(tileKey(look, 0));
    expect(tileKey(look, 10)).not.toBe(tileKey(lookOf(0, 10, 'late'), 10));
  });
});
