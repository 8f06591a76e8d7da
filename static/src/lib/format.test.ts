import { describe, expect, it } from 'vitest';
import * as format from './format';

const GIB = 1024 ** 3;

/** Figures and units are held together by a space that does not break; tests read better without. */
const plain = (text: string) => text.replaceAll('\u00a0', ' ');

describe('count', () => {
  it.each([
    [0, '0'],
    [999, '999'],
    [1_000, '1,000'],
    [1_234_567, '1,234,567'],
  ])('groups %d by thousands', (value, text) => {
    expect(format.count(value)).toBe(text);
  });
});

describe('percentage', () => {
  it('always has one decimal', () => {
    expect([0, 7.26, 100].map(format.percentage)).toEqual(['0.0%', '7.3%', '100.0%']);
  });
});

describe('usedOfTotal', () => {
  it.each([
    [6.2 * GIB, 15.6 * GIB, '6.2 / 15.6 GiB'],
    [0.5 * GIB, 512 * GIB, '0.5 / 512 GiB'],
    [300 * 1024 ** 2, 512 * 1024 ** 2, '300 / 512 MiB'],
    [99.96 * GIB, 1_000 * GIB, '100 / 1000 GiB'],
    [1, 1_000, '1.0 / 1000 B'],
  ])('%d of %d', (used, total, text) => {
    expect(plain(format.usedOfTotal(used, total))).toBe(text);
  });
});

describe('load', () => {
  it('keeps about three digits', () => {
    expect([0, 0.416, 9.99, 12.34, 128.4].map(format.load)).toEqual([
      '0.00',
      '0.42',
      '9.99',
      '12.3',
      '128',
    ]);
  });
});

describe('age', () => {
  it.each([
    [-5_000, '0.0 s'],
    [0, '0.0 s'],
    [449, '0.4 s'],
    [999, '0.9 s'],
    [1_000, '1 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_599_999, '59 min'],
    [3_600_000, '1 h'],
    [86_400_000, '1 d'],
    [40 * 86_400_000, '40 d'],
  ])('of %d ms', (milliseconds, text) => {
    expect(plain(format.age(milliseconds))).toBe(text);
  });
});

describe('bytes and rates', () => {
  it('are in the unit that suits them', () => {
    expect([0, 1_023, 1_536, 16 * GIB].map((value) => plain(format.bytes(value)))).toEqual([
      '0 B',
      '1023 B',
      '1.5 KiB',
      '16.0 GiB',
    ]);
    expect([0, 999, 999.6, 12.44e6, 3e15].map((value) => plain(format.rate(value)))).toEqual([
      '0 B/s',
      '999 B/s',
      '1.0 kB/s',
      '12.4 MB/s',
      '3000 TB/s',
    ]);
  });
});

it('a moment that is no date has a sign of its own, and breaks nothing', () => {
  for (const timeMs of [8.7e15, NaN, Infinity]) {
    expect([format.localTime(timeMs), format.utcTime(timeMs)]).toEqual(['–', '–']);
    expect(format.iso(timeMs)).toBeUndefined();
  }
  expect(format.utcTime(253_402_300_799_999)).toBe('9999-12-31 23:59:59 UTC');
});

it('durations are as short as they can be', () => {
  expect([250, 1_000, 1_500, 120_000].map((value) => plain(format.duration(value)))).toEqual([
    '250 ms',
    '1 s',
    '1.5 s',
    '2 min',
  ]);
});
