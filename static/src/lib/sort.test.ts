import { expect, it, vi } from 'vitest';
import type { Direction, SortKey } from './columns';
import { NameRanks } from './names';
import { sorted } from './sort';
import { storeOf } from './sample';

const store = storeOf(
  {
    ...{ host: 'web-10', level: 0, load: 2, receivedMs: 3 },
    info: { booted_ms: 5, labels: { role: 'web' } },
  },
  {
    ...{ host: 'web-2', level: 2, load: 1, receivedMs: 1 },
    info: { booted_ms: 9, labels: { role: 'cache' } },
  },
  { host: 'db', level: 0, receivedMs: 2 },
);

function order(key: SortKey, direction: Direction): string {
  const all = Uint32Array.from(store.all());
  return Array.from(
    sorted(all, key, direction, store, new NameRanks().of(store)),
    (index) => store.info(index)?.host,
  ).join(' ');
}

it('puts the most urgent first and keeps equals in the order of names', () => {
  expect(order('level', 'descending')).toBe('web-2 db web-10');
  expect(order('level', 'ascending')).toBe('db web-10 web-2');
});

it('orders names as people do', () => {
  expect(order('name', 'ascending')).toBe('db web-2 web-10');
  expect(order('name', 'descending')).toBe('web-10 web-2 db');
});

it('puts hosts without the figure last, whichever way it goes', () => {
  expect(order('load', 'ascending')).toBe('web-2 web-10 db');
  expect(order('load', 'descending')).toBe('web-10 web-2 db');
  expect(order('uptime', 'ascending')).toBe('web-2 web-10 db');
});

it('puts those with the same labels together, and those without any last', () => {
  expect(order('labels', 'ascending')).toBe('web-2 web-10 db');
  expect(order('labels', 'descending')).toBe('web-10 web-2 db');
});

it.each(['labels', 'uptime'] as const)('reads each host once to order by %s', (key) => {
  const hosts = 200;
  const large = storeOf(
    ...Array.from({ length: hosts }, (_, i) => ({
      host: `web-${i}`,
      info: { booted_ms: (i * 7) % hosts, labels: { role: `r${(i * 7) % hosts}` } },
    })),
  );
  const all = Uint32Array.from(large.all());
  const ranks = new NameRanks().of(large);
  const info = vi.spyOn(large, 'info');
  sorted(all, key, 'ascending', large, ranks);
  expect(info).toHaveBeenCalledTimes(hosts);
});

it('takes the longest silent for the oldest', () => {
  expect(order('age', 'descending')).toBe('web-2 db web-10');
});
