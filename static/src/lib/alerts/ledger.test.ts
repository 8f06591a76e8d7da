import { describe, expect, it } from 'vitest';
import { MAX_ACTIVE } from '../generated/constants';
import { Ledger, type AlertsStep } from './ledger';
import { alertOf } from './sample';

const ON = { state: 'on' } as const;

const step = (more: Partial<AlertsStep>): AlertsStep => ({
  status: ON,
  count: 1,
  total: 1,
  active: undefined,
  changed: [],
  cleared: [],
  hosts: [],
  ...more,
});
const ids = (ledger: Ledger) => ledger.next()?.active.map(({ id }) => id);

describe('the ledger of alerts', () => {
  it('hands over all there is, newest first, and only when something changed', () => {
    const ledger = new Ledger();
    expect(ledger.next()).toBeUndefined();
    ledger.take(step({ active: [alertOf(), alertOf({ id: 'b', since_ms: 200 * 60_000 })] }));
    expect(ids(ledger)).toEqual(['b', 'a']);
    expect(ledger.next()).toBeUndefined();
  });

  it('takes changes and ends in any order, as often as they come', () => {
    const ledger = new Ledger();
    ledger.take(step({ active: [alertOf(), alertOf({ id: 'b' })] }));
    const known = alertOf({ acknowledged: { by: 'Ada', at_ms: 1 } });
    ledger.take(step({ changed: [known], cleared: ['b', 'never heard of'] }));
    ledger.take(step({ changed: [known], cleared: ['b'], count: 0 }));
    expect(ledger.next()).toMatchObject({ status: ON, count: 0, total: 1, active: [known] });
  });

  it('forgets all of it when it is told all of it anew', () => {
    const ledger = new Ledger();
    ledger.take(step({ active: [alertOf()] }));
    ledger.take(step({ active: [], count: 0, total: 0 }));
    expect(ledger.next()).toMatchObject({ status: ON, count: 0, total: 0, active: [] });
  });

  it('knows how many each host has, listed or not, and hands that over when it changed', () => {
    const ledger = new Ledger();
    const hosts = () => ledger.next()?.hosts;
    const many: [string, number][] = Array.from({ length: 4_000 }, (_, i) => [`web-${i}`, 1]);
    ledger.take(step({ active: [alertOf()], hosts: many, total: 4_000 }));
    expect(hosts()?.size).toBe(4_000);
    ledger.take(step({ total: 4_000 }));
    expect(hosts()).toBeUndefined();
    ledger.take(
      step({
        hosts: [
          ['web-7', 0],
          ['web-8', 2],
        ],
      }),
    );
    const known = hosts();
    expect([known?.size, known?.get('web-7'), known?.get('web-8')]).toEqual([3_999, undefined, 2]);
    ledger.take(step({ active: [] }));
    expect(hosts()?.size).toBe(0);
  });

  it('keeps the newest of very many', () => {
    const ledger = new Ledger();
    const many = Array.from({ length: MAX_ACTIVE }, (_, i) => alertOf({ id: `${i}`, since_ms: i }));
    ledger.take(step({ active: many, total: 5_000 }));
    ledger.take(step({ changed: [alertOf({ id: 'new', since_ms: 9_999 })], total: 5_001 }));
    const told = ledger.next();
    expect(told?.active.length).toBe(MAX_ACTIVE);
    expect([told?.active[0]?.id, told?.active.at(-1)?.id, told?.total]).toEqual([
      'new',
      '1',
      5_001,
    ]);
  });
});
