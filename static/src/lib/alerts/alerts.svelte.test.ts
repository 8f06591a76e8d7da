import { expect, it } from 'vitest';
import { Alerts } from './alerts.svelte';
import { alertOf } from './sample';

it('knows nothing until it is told, then what is active, also by host', () => {
  const alerts = new Alerts();
  expect([alerts.known, alerts.count, alerts.total, alerts.active.length]).toEqual([
    false,
    0,
    0,
    0,
  ]);
  const [one, other] = [alertOf(), alertOf({ id: 'b', host: 'db-1' })];
  // While the server reads what was, nothing is known, which is not the same as none.
  alerts.take({ status: { state: 'reading' }, count: 0, total: 0, active: [] });
  expect(alerts.known).toBe(false);
  const hosts = new Map([
    ['web-1', 1],
    ['db-1', 1],
    ['old-1', 2],
  ]);
  alerts.take({ status: { state: 'on' }, count: 1, total: 4, active: [one, other], hosts });
  expect([alerts.known, alerts.count, alerts.total]).toEqual([true, 1, 4]);
  expect(alerts.of('db-1')).toEqual([other]);
  expect(alerts.of('nobody')).toEqual([]);
  expect(['db-1', 'old-1', 'nobody'].map((host) => alerts.countOf(host))).toEqual([1, 2, 0]);
});
