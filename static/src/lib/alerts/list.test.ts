import { describe, expect, it } from 'vitest';
import type { AlertEntry } from './entry';
import { chartRange, isOfRule, isOpen, oneOrFirst, ordered, ORDERS, type Order } from './list';
import { alertOf, MINUTE_MS } from './sample';

const NOW_MS = 1_000 * MINUTE_MS;
const ids = (list: readonly AlertEntry[], order: Order) =>
  ordered(list, order, NOW_MS)
    .map(({ id }) => id)
    .join('');

describe('the order of alerts', () => {
  const list = [
    alertOf({ id: 'a', host: 'web-10', since_ms: 1 }),
    alertOf({ id: 'b', host: 'web-2', since_ms: 3, level: 'MEDIUM', resource: 'memory' }),
    alertOf({ id: 'c', host: 'db-1', since_ms: 2, acknowledged: { by: 'Ada', at_ms: 1 } }),
    alertOf({ id: 'd', host: 'api', since_ms: 4, silenced_until_ms: NOW_MS + 1 }),
    alertOf({ id: 'e', host: 'web-2', since_ms: 5, kind: 'clock' }),
  ];

  it.each([
    ['newest', 'ebadc'],
    ['oldest', 'abecd'],
    ['level', 'eabdc'],
    ['host', 'ebadc'],
    ['rule', 'eabdc'],
  ] as const)('%s: what waits for somebody comes first', (order, expected) => {
    expect(ids(list, order)).toBe(expected);
  });

  it('is the same whatever order they came in', () => {
    for (const order of ORDERS) expect(ids([...list].reverse(), order)).toBe(ids(list, order));
  });

  it('falls back to the first', () => {
    expect(oneOrFirst(ORDERS, 'host')).toBe('host');
    expect(oneOrFirst(ORDERS, 'colour')).toBe('newest');
    expect(oneOrFirst(ORDERS)).toBe('newest');
  });
});

it('tells what waits for somebody', () => {
  expect(isOpen(alertOf(), NOW_MS)).toBe(true);
  expect(isOpen(alertOf({ silenced_until_ms: NOW_MS }), NOW_MS)).toBe(true);
  expect(isOpen(alertOf({ silenced_until_ms: NOW_MS + 1 }), NOW_MS)).toBe(false);
  expect(isOpen(alertOf({ acknowledged: { by: 'Ada', at_ms: 1 } }), NOW_MS)).toBe(false);
});

it('is of a rule when all of it fits', () => {
  const alert = alertOf();
  expect(isOfRule(alert, {})).toBe(true);
  expect(isOfRule(alert, { host: 'web-1', resource: 'cpu', kind: 'level' })).toBe(true);
  expect(isOfRule(alert, { host: 'web' })).toBe(false);
  expect(isOfRule(alert, { resource: 'memory' })).toBe(false);
  expect(isOfRule(alert, { kind: 'silent' })).toBe(false);
});

describe('the charts at the time of an alert', () => {
  const range = (alert: AlertEntry) => {
    const { from, to } = chartRange(alert, NOW_MS);
    return [Number(from) / MINUTE_MS, Number(to) / MINUTE_MS];
  };

  it('show some time around it', () => {
    expect(range(alertOf({ cleared_ms: 104 * MINUTE_MS }))).toEqual([95, 109]);
    expect(range(alertOf({ cleared_ms: 300 * MINUTE_MS }))).toEqual([50, 350]);
  });

  it('end now while it lasts, and never later', () => {
    expect(range(alertOf({ since_ms: 996 * MINUTE_MS }))).toEqual([991, 1_000]);
    expect(range(alertOf({ since_ms: 990 * MINUTE_MS, cleared_ms: 999 * MINUTE_MS }))).toEqual([
      985, 1_000,
    ]);
  });

  it('make sense for what began in the future of the server, or at the beginning of time', () => {
    const [from = 0, to = 0] = range(alertOf({ since_ms: NOW_MS + 10 * MINUTE_MS }));
    expect(from).toBeLessThan(to);
    expect(range(alertOf({ since_ms: 0, cleared_ms: MINUTE_MS }))).toEqual([0, 6]);
  });
});
