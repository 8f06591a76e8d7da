import { describe, expect, it } from 'vitest';
import {
  askedFromMs,
  between,
  DEFAULT_RANGE,
  drawn,
  LENGTHS,
  moved,
  neighbour,
  parseRange,
  rangeQuery,
  scaled,
  SHORTEST_MS,
  spanAt,
  type TimeRange,
} from './range';

const NOW_MS = 1_790_000_000_000;
const HOUR_MS = 3_600_000;

describe('the range in an address', () => {
  it('is read as it was written', () => {
    const ranges: TimeRange[] = [
      ...LENGTHS.map((length) => ({ kind: 'last', length }) as const),
      { kind: 'between', fromMs: 5, toMs: 7 },
    ];
    for (const range of ranges) expect(parseRange(rangeQuery(range))).toEqual(range);
  });

  it.each([
    {},
    { range: '3h' },
    { range: 'toString' },
    { from: '5' },
    { from: '7', to: '5' },
    { from: 'yesterday', to: '5' },
    { from: '-5', to: '5' },
    { from: '5', to: '1e300' },
  ])('is the default when it makes no sense: %o', (query) => {
    expect(parseRange(query)).toEqual(DEFAULT_RANGE);
  });
});

describe('five minutes', () => {
  const NOW_MS = 400_000;

  it('are asked for where memory surely holds them, other ranges as they are', () => {
    const five = { kind: 'last', length: '5m' } as const;
    expect(askedFromMs(five, spanAt(five, NOW_MS))).toBe(102_000);
    const still = { kind: 'between', fromMs: 100_000, toMs: NOW_MS } as const;
    expect(askedFromMs(still, still)).toBe(100_000);
  });
});

describe('a span', () => {
  it('that ends now moves on', () => {
    expect(spanAt({ kind: 'last', length: '1h' }, NOW_MS)).toEqual({
      fromMs: NOW_MS - HOUR_MS,
      toMs: NOW_MS,
    });
  });

  it('keeps what was pointed at in its place while zooming', () => {
    const span = { fromMs: 0, toMs: 100_000 };
    expect(scaled(span, 0.5, 25_000, NOW_MS)).toEqual(between(12_500, 62_500));
    expect(scaled(span, 0.001, 50_000, NOW_MS)).toEqual(
      between(50_000 - SHORTEST_MS / 2, 50_000 + SHORTEST_MS / 2),
    );
  });

  it('ends now rather than later', () => {
    const span = { fromMs: NOW_MS - 100_000, toMs: NOW_MS };
    expect(scaled(span, 2, NOW_MS - 50_000, NOW_MS)).toEqual(between(NOW_MS - 200_000, NOW_MS));
    expect(moved(span, 0.5, NOW_MS)).toEqual(between(NOW_MS - 100_000, NOW_MS));
    expect(moved(span, -0.5, NOW_MS)).toEqual(between(NOW_MS - 150_000, NOW_MS - 50_000));
  });

  it('does not begin before time did', () => {
    expect(moved({ fromMs: 1_000, toMs: 21_000 }, -0.5, NOW_MS)).toEqual(between(0, 11_000));
  });
});

describe('a drag', () => {
  it('may go either way', () => {
    expect(drawn(90_000, 30_000)).toEqual(between(30_000, 90_000));
  });

  it('is never too short to show anything', () => {
    expect(drawn(20_000, 20_500)).toEqual(between(15_250, 25_250));
    expect(drawn(20_000, 20_000)).toBeNull();
  });
});

describe('a neighbour', () => {
  it('is the next length, while there is one', () => {
    expect(neighbour({ kind: 'last', length: '1h' }, 2)).toEqual({ kind: 'last', length: '6h' });
    expect(neighbour({ kind: 'last', length: '1h' }, 0.5)).toEqual({ kind: 'last', length: '15m' });
    expect(neighbour({ kind: 'last', length: '5m' }, 0.5)).toBeNull();
    expect(neighbour({ kind: 'between', fromMs: 1, toMs: 2 }, 2)).toBeNull();
  });
});
