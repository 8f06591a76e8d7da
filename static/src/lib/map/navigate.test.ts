import { describe, expect, it } from 'vitest';
import { layOut, originOf, type Layout } from './layout';
import { step } from './navigate';

/** Two shelves of two groups, 10 columns each, the last row of each group short. */
const LAYOUT: Layout = {
  shape: 'cells',
  pitchX: 10,
  pitchY: 10,
  gap: 1,
  lanes: 2,
  width: 220,
  height: 120,
  blocks: [
    { first: 0, count: 25, columns: 10, rows: 3, x: 0, top: 0, y: 20, width: 100 },
    { first: 25, count: 12, columns: 10, rows: 2, x: 120, top: 0, y: 20, width: 100 },
    { first: 37, count: 11, columns: 10, rows: 2, x: 0, top: 60, y: 80, width: 100 },
    { first: 48, count: 3, columns: 10, rows: 1, x: 120, top: 60, y: 80, width: 100 },
  ],
};

describe('step', () => {
  it.each([
    ['ArrowRight', 3, 4],
    ['ArrowRight', 24, 25],
    ['ArrowRight', 50, 50],
    ['ArrowLeft', 25, 24],
    ['ArrowLeft', 0, 0],
    ['ArrowDown', 3, 13],
    ['ArrowUp', 13, 3],
    // Above the gap of a short row.
    ['ArrowDown', 18, 24],
    ['ArrowDown', 24, 41],
    ['ArrowDown', 25, 35],
    ['ArrowDown', 35, 48],
    ['ArrowDown', 36, 49],
    ['ArrowDown', 45, 47],
    ['ArrowDown', 47, 47],
    ['ArrowUp', 3, 3],
    ['ArrowUp', 39, 22],
    ['ArrowUp', 45, 24],
    ['ArrowUp', 48, 35],
    ['ArrowUp', 50, 36],
    ['Home', 30, 0],
    ['End', 30, 50],
    ['PageDown', 3, 25],
    ['PageDown', 50, 50],
    ['PageUp', 30, 25],
    ['PageUp', 25, 0],
    ['PageUp', 0, 0],
  ])('%s leads from %i to %i', (key, from, to) => {
    expect(step(LAYOUT, from, key)).toBe(to);
  });

  it('leaves other keys to others', () => {
    for (const key of ['Enter', 'a', 'Tab', 'Escape']) {
      expect(step(LAYOUT, 3, key)).toBeUndefined();
    }
  });

  it('never leads up when asked for down, nor out of the map', () => {
    const space = { width: 900, height: 500, rem: 16, isCoarse: false };
    const wish = { sizes: [400, 90, 60, 5], hasHeadings: true, sideBySide: true };
    const layout = layOut(wish, space);
    const hosts = 555;
    for (let place = 0; place < hosts; place += 1) {
      const down = step(layout, place, 'ArrowDown') ?? -1;
      expect(down).toBeGreaterThanOrEqual(0);
      expect(down).toBeLessThan(hosts);
      expect(originOf(layout, down).y).toBeGreaterThanOrEqual(originOf(layout, place).y);
      const up = step(layout, place, 'ArrowUp') ?? -1;
      expect(originOf(layout, up).y).toBeLessThanOrEqual(originOf(layout, place).y);
    }
  });
});
