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
  alerts.take({ count: 1, total: 2, active: [one, other] });
  expect([alerts.known, alerts.count, alerts.total]).toEqual([true, 1, 2]);
  expect(alerts.of('db-1')).toEqual([other]);
  expect(alerts.of('nobody')).toEqual([]);
});
