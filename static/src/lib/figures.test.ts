import { expect, it } from 'vitest';
import { DIVISOR, FIGURE, FIGURES, FIGURES_SENT } from './figures';
import { ROW_FIELDS } from './generated/constants';

/** The page's names of what the server calls otherwise. */
const NAMES: Readonly<Record<string, string>> = {
  timestamp: 'timestampMs',
  received: 'receivedMs',
  received_bytes_per_second: 'receivedBps',
  transmitted_bytes_per_second: 'transmittedBps',
  cpu_level: 'cpuLevel',
  memory_level: 'memoryLevel',
  swap_level: 'swapLevel',
  disk_level: 'diskLevel',
};

it('figures are in the order in which the server sends them', () => {
  const names = Object.keys(FIGURE);
  expect(names.slice(0, FIGURES_SENT)).toEqual(ROW_FIELDS.map((field) => NAMES[field] ?? field));
  expect(Object.values(FIGURE)).toEqual(names.map((_, place) => place));
  expect([names.length, DIVISOR.length]).toEqual([FIGURES, FIGURES_SENT]);
});
