import { expect, it } from 'vitest';
import { tally } from './tally';

it('counts each group apart', () => {
  const levels = [0, 1, 2, 2, 0];
  const freshness = ['fresh', 'late', 'silent', 'fresh', 'fresh'] as const;
  const tallies = tally(
    {
      order: Uint32Array.of(4, 2, 0, 1, 3),
      groups: [
        { kind: 'name', key: 'a', first: 0, end: 2 },
        { kind: 'name', key: 'b', first: 2, end: 5 },
      ],
    },
    (index) => levels[index] ?? 0,
    (index) => freshness[index] ?? 'fresh',
  );
  expect(tallies).toEqual([
    { hosts: 2, levels: [1, 0, 1], late: 0, silent: 1 },
    { hosts: 3, levels: [1, 1, 1], late: 1, silent: 0 },
  ]);
});
