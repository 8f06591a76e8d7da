import { describe, expect, it } from 'vitest';
import { axisLabels, fromInput, inputValue, utcClock } from './times';

const AT_MS = Date.UTC(2026, 10, 20, 19, 20, 11);

describe('instants', () => {
  it('are told in UTC, whatever the reader has', () => {
    expect(utcClock(AT_MS)).toBe('19:20:11 UTC');
  });

  it('go through an input unchanged', () => {
    expect(fromInput(inputValue(AT_MS))).toBe(AT_MS);
    expect(fromInput('')).toBeNull();
    expect(fromInput('2026-13-45')).toBeNull();
  });

  it('tell the day at an axis where it changes', () => {
    const at = (day: number, hour: number) => new Date(2026, 10, day, hour).getTime();
    const labels = axisLabels([at(20, 18), at(20, 21), at(21, 0)], 3 * 3_600_000);
    expect(labels.map((label) => label.split('\n').length)).toEqual([2, 1, 2]);
    expect(labels[2]).toMatch(/21/);
    expect(axisLabels([at(20, 0)], 86_400_000)[0]).not.toMatch(/:/);
    expect(axisLabels([at(20, 0)], 30 * 86_400_000)[0]).toMatch(/2026/);
  });
});
