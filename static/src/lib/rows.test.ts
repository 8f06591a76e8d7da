import { describe, expect, it } from 'vitest';
import { FIGURE, FIGURES } from './figures';
import { readPoint, readPointList, readRow } from './rows';

const bit = (figure: number) => 1 << figure;

function host(): Float64Array {
  return new Float64Array(FIGURES).fill(NaN);
}

describe('a row', () => {
  it('gives every figure in its own unit, lowest bit first', () => {
    const figures = host();
    const values = [1_000, 400, 2, 375, 401, 0, 800, 125, 1_250, 482, 54, 1, 0, 0, 2];
    readRow([0, 2 ** 15 - 1, ...values], figures, 0, 5_000);
    expect(Array.from(figures.subarray(0, 15))).toEqual([
      1_000, 4_600, 2, 37.5, 40.1, 0, 80, 1.25, 1_250, 482, 54, 1, 0, 0, 2,
    ]);
  });

  it('of no change at all is one interval later, and received now', () => {
    const figures = host();
    readRow([0, bit(FIGURE.timestampMs), 1_000], figures, 0, 1_003);
    readRow([0, 0], figures, 0, 2_003);
    expect(figures[FIGURE.timestampMs]).toBe(2_000);
    expect(figures[FIGURE.receivedMs]).toBe(2_003);
    figures[FIGURE.promisedIntervalMs] = 250;
    readRow([0, 0], figures, 0, 2_300);
    expect(figures[FIGURE.timestampMs]).toBe(2_250);
  });

  it('counts time from the row before, backwards too', () => {
    const figures = host();
    for (const step of [10_000, 2_000, -500]) {
      readRow([0, bit(FIGURE.timestampMs), step], figures, 0, 0);
    }
    expect(figures[FIGURE.timestampMs]).toBe(11_500);
    expect(figures[FIGURE.seenIntervalMs]).toBe(2_000);
  });

  it('is read past figures that a newer server tells', () => {
    const figures = host();
    const mask = bit(FIGURE.cpu) + 2 ** 15 + 2 ** 40;
    readRow([0, mask, 125, 'anything', { at: 'all' }], figures, 0, 0);
    expect(figures[FIGURE.cpu]).toBe(12.5);
    expect(figures[FIGURE.memory]).toBeNaN();
  });

  it('takes a figure away with null', () => {
    const figures = host();
    figures[FIGURE.swap] = 3;
    readRow([0, bit(FIGURE.swap), null], figures, 0, 0);
    expect(figures[FIGURE.swap]).toBeNaN();
  });

  it.each([
    ['no mask', [0], 'whole number'],
    ['a negative mask', [0, -1], 'whole number'],
    ['a broken mask', [0, 1.5, 1], 'whole number'],
    ['no value for a bit it does not know', [0, 2 ** 15], 'one value for each bit'],
    ['too few values', [0, bit(FIGURE.cpu)], 'must be a number'],
    ['too many values', [0, bit(FIGURE.cpu), 1, 2], 'one value for each bit'],
    ['a word', [0, bit(FIGURE.cpu), '9'], 'must be a number'],
    ['no time', [0, bit(FIGURE.timestampMs), null], 'must be a number'],
    ['a level beyond HIGH', [0, bit(FIGURE.level), 3], 'must be a level'],
  ])('with %s is refused, and changes nothing', (_, row, sentence) => {
    const figures = host();
    expect(() => {
      readRow(row, figures, 0, 0);
    }).toThrow(sentence);
    expect(figures.every(Number.isNaN)).toBe(true);
  });
});

describe('points', () => {
  it('are read one by one', () => {
    expect(readPoint([7, 1_000, 125])).toEqual([7, 1_000, 12.5]);
    for (const wrong of [null, [-1, 1, 1], [0, 1], [0, '1', 1], [0.5, 1, 1]]) {
      expect(() => readPoint(wrong)).toThrow('a point must be');
    }
  });

  it('are read as a list of steps', () => {
    expect(readPointList([3, [1_000, 10, 1_000, 20, 500, 30]])).toEqual({
      index: 3,
      points: [1_000, 1, 2_000, 2, 2_500, 3],
    });
    for (const wrong of [[3], [3, [1]], [3, [1, null]], ['x', []]]) {
      expect(() => readPointList(wrong)).toThrow('points must be');
    }
  });
});
