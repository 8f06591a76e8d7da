import { describe, expect, it } from 'vitest';
import { axisLabels, fromInput, inputValue, local, utc, utcClock } from './times';

const AT_MS = Date.UTC(2026, 10, 20, 19, 20, 11);

describe('instants', () => {
  it('are told in UTC, whatever the reader has', () => {
    expect(utc(AT_MS)).toBe('20 Nov 2026, 19:20:11 UTC');
    expect(utcClock(AT_MS)).toBe('19:20:11 UTC');
    expect(local(new Date(2026, 10, 20, 0, 5, 9).getTime())).toBe('20 Nov 2026, 00:05:09');
  });

  it('go through an input unchanged', () => {
    expect(fromInput(inputValue(AT_MS))).toBe(AT_MS);
    expect(fromInput('')).toBeNull();
    expect(fromInput('2026-13-45')).toBeNull();
  });

  it('tell the day at an axis where it changes', () => {
    const at = (day: number, hour: number) => new Date(2026, 10, day, hour).getTime();
    expect(axisLabels([at(20, 18), at(20, 21), at(21, 0)], 3 * 3_600_000)).toEqual([
      '18:00\n20 Nov',
      '21:00',
      '00:00\n21 Nov',
    ]);
    expect(axisLabels([at(20, 0)], 86_400_000)).toEqual(['20 Nov']);
    expect(axisLabels([at(20, 0)], 30 * 86_400_000)).toEqual(['Nov 2026']);
  });
});
