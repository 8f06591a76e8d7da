import { describe, expect, it } from 'vitest';
import { layOut, originOf, placeAt, type Layout, type Space, type Wish } from './layout';

const SCREEN: Space = { width: 1_208, height: 560, rem: 16, isCoarse: false };
const PHONE: Space = { width: 336 * 3, height: 560 * 3, rem: 48, isCoarse: true };

const whole = (hosts: number): Wish => ({ sizes: [hosts], hasHeadings: false, sideBySide: false });
const grouped = (...sizes: number[]): Wish => ({ sizes, hasHeadings: true, sideBySide: true });

/** Random but the same each time. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Every cell inside the map, and none over another: blocks do not meet, nor their headings. */
function expectSound(layout: Layout) {
  for (const block of layout.blocks) {
    expect(block.columns * layout.pitchX - layout.gap).toBeLessThanOrEqual(block.width);
    expect(block.x + block.width).toBeLessThanOrEqual(layout.width);
    expect(block.columns * block.rows).toBeGreaterThanOrEqual(block.count);
    expect(block.y + block.rows * layout.pitchY - layout.gap).toBeLessThanOrEqual(layout.height);
    for (const other of layout.blocks) {
      if (other.first <= block.first) continue;
      const apart =
        other.x >= block.x + block.width ||
        block.x >= other.x + other.width ||
        other.top >= block.y + block.rows * layout.pitchY - layout.gap;
      expect(apart).toBe(true);
    }
  }
}

describe('layOut', () => {
  it('gives a small fleet tiles and a large one cells', () => {
    expect(layOut(whole(10), SCREEN).shape).toBe('tiles');
    expect(layOut(whole(1_000), SCREEN).shape).toBe('cells');
  });

  it.each([1, 10, 50, 200, 1_000, 3_000, 10_000])('fits %i hosts into the space', (hosts) => {
    const layout = layOut(whole(hosts), SCREEN);
    expectSound(layout);
    expect(layout.height).toBeLessThanOrEqual(SCREEN.height);
  });

  it('has larger cells where there are fewer hosts', () => {
    const pitches = [200, 1_000, 3_000, 10_000].map((n) => layOut(whole(n), SCREEN).pitchX);
    expect(pitches).toEqual(pitches.toSorted((a, b) => b - a));
    expect(new Set(pitches).size).toBe(pitches.length);
  });

  it('grows beyond the space rather than have cells no finger finds', () => {
    const layout = layOut(whole(10_000), PHONE);
    expectSound(layout);
    expect(layout.pitchX).toBe(36);
    expect(layout.height).toBeGreaterThan(PHONE.height);
  });

  it('puts small groups side by side when that makes the cells larger', () => {
    const layout = layOut(grouped(...Array<number>(12).fill(100)), SCREEN);
    expect(layout.lanes).toBeGreaterThan(1);
    expectSound(layout);
  });

  it('keeps groups below each other when told to', () => {
    const layout = layOut({ ...grouped(30, 200, 3_000), sideBySide: false }, SCREEN);
    expect(layout.blocks.map(({ x }) => x)).toEqual([0, 0, 0]);
  });

  it('is sound for any groups on any screen', () => {
    const random = randomFrom(7);
    for (let round = 0; round < 200; round += 1) {
      const rem = [12, 16, 20, 24, 48][Math.floor(random() * 5)] ?? 16;
      const space = {
        width: Math.floor((20 + random() * 220) * rem),
        height: Math.floor((20 + random() * 80) * rem),
        rem,
        isCoarse: random() < 0.3,
      };
      const sizes = Array.from({ length: 1 + Math.floor(random() * 30) }, () =>
        Math.ceil(random() ** 4 * 800),
      ).sort((a, b) => b - a);
      expectSound(layOut({ sizes, hasHeadings: true, sideBySide: random() < 0.8 }, space));
    }
  });

  it('keeps the size of cells while a few hosts change groups', () => {
    const wish = (high: number) => ({ ...grouped(high, 5_000 - high), sideBySide: false });
    let layout = layOut(wish(100), SCREEN);
    const { pitchX } = layout;
    for (let high = 100; high < 600; high += 7) {
      layout = layOut(wish(high), SCREEN, layout);
      expect(layout.pitchX).toBe(pitchX);
      expectSound(layout);
    }
  });

  it('lays out anew when the fleet or the window is another', () => {
    const before = layOut(whole(5_000), SCREEN);
    expect(layOut(whole(800), SCREEN, before).pitchX).toBeGreaterThan(before.pitchX);
    const narrow = { ...SCREEN, width: 600 };
    expect(layOut(whole(5_000), narrow, before)).toEqual(layOut(whole(5_000), narrow));
  });
});

describe('placeAt', () => {
  it('finds every cell by any point in it', () => {
    for (const wish of [whole(9), whole(700), grouped(300, 120, 40, 3, 1)]) {
      const layout = layOut(wish, SCREEN);
      const hosts = wish.sizes.reduce((sum, size) => sum + size, 0);
      for (let place = 0; place < hosts; place += 1) {
        const { x, y } = originOf(layout, place);
        expect(placeAt(layout, { x, y })).toBe(place);
        const inner = { x: x + layout.pitchX - layout.gap - 1, y: y + layout.pitchY - 1 };
        expect(placeAt(layout, inner)).toBe(place);
      }
    }
  });

  it('finds nothing beside the cells', () => {
    const layout = layOut(grouped(300, 120, 40, 3, 1), SCREEN);
    const [first] = layout.blocks;
    expect(placeAt(layout, { x: 2, y: (first?.top ?? 0) + 2 })).toBeUndefined();
    expect(placeAt(layout, { x: -1, y: 60 })).toBeUndefined();
    expect(placeAt(layout, { x: 20, y: layout.height + 5 })).toBeUndefined();
  });
});
