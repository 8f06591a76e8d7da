import { describe, expect, it } from 'vitest';
import type { Analysis } from '../detail';
import * as words from './host';

/** Units stand behind a space that does not end a line; tests read better without. */
const plain = (text: string) => text.replaceAll('\u00a0', ' ');

describe('the clock of a host', () => {
  it.each([
    [0, 'in step with the server'],
    [-49, 'in step with the server'],
    [400, '0.4 s ahead of the server'],
    [-125_000, '2 min behind the server'],
  ])('is told in words: %i ms', (offsetMs, expected) => {
    expect(plain(words.clockOffset(offsetMs))).toBe(expected);
  });
});

describe('a width', () => {
  it.each([
    [250, '0.25 s'],
    [10_000, '10 s'],
    [90_000, '1 min 30 s'],
    [3_600_000, '1 h'],
    [64_800_000 + 86_400_000, '1 d 18 h'],
  ])('is exact: %i ms', (widthMs, expected) => {
    expect(plain(words.wordedDuration(widthMs))).toBe(expected);
  });
});

describe('the causes of a level', () => {
  const analysis: Analysis = {
    host: 'a',
    level: 'HIGH',
    cpu_result: 'MEDIUM',
    cpu_percentage: 40,
    timestamp_ms: 1,
    stopping: false,
    resources: [
      { name: 'cpu', percentage: 40, level: 'MEDIUM' },
      { name: 'disk:/var', percentage: 93.4, level: 'HIGH' },
    ],
  };

  it('are what is as high as the host', () => {
    expect(words.causes(analysis)).toEqual(['disk /var · 93%']);
    expect(words.causes({ ...analysis, level: 'MEDIUM' })).toEqual(['CPU · 40%']);
    expect(words.causes({ ...analysis, level: 'LOW' })).toEqual([]);
  });
});

describe('trouble with history', () => {
  it('is one sentence, and one more for what still works', () => {
    expect(words.historyTrouble('failed', 'the disk is full.', true)).toBe(
      'History gave no answer: the disk is full. What arrives now is still drawn.',
    );
    expect(words.historyTrouble('failed', 'the disk is full', false)).toBe(
      'History gave no answer: the disk is full.',
    );
    expect(words.historyLagging('locked.')).toContain('(locked)');
  });
});
