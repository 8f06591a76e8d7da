import { describe, expect, it } from 'vitest';
import { visibleRange } from './window';

const screen = { offset: 0, viewportHeight: 500, lineHeight: 50, lanes: 1 };

describe('the visible range', () => {
  it('is small however long the list', () => {
    const range = visibleRange(100_000, { ...screen, offset: -50_000 });
    expect(range.end - range.first).toBeLessThan(20);
    expect(range.first).toBeLessThanOrEqual(1_000);
    expect(range.end).toBeGreaterThanOrEqual(1_010);
  });

  it('covers the screen at every position, with a slot for each host', () => {
    for (const lanes of [1, 2, 3]) {
      for (let offset = 300; offset > -12_000; offset -= 37) {
        const { first, end, slots } = visibleRange(500, { ...screen, offset, lanes });
        const lines = Math.ceil(500 / lanes);
        const firstSeen = Math.min(lines - 1, Math.max(0, Math.floor(-offset / 50)));
        const lastSeen = Math.min(lines - 1, Math.max(0, Math.floor((500 - offset - 1) / 50)));
        expect(first).toBeLessThanOrEqual(firstSeen * lanes);
        expect(end).toBeGreaterThanOrEqual(Math.min(500, lastSeen * lanes + 1));
        expect(end - first).toBeLessThanOrEqual(slots);
        expect(first % lanes).toBe(0);
      }
    }
  });

  it('is empty without hosts and before anything is measured', () => {
    expect(visibleRange(0, screen)).toMatchObject({ first: 0, end: 0 });
    expect(visibleRange(9, { ...screen, lineHeight: 0 })).toMatchObject({ first: 0, end: 0 });
  });
});
