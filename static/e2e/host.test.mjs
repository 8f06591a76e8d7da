/** The page of one host. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { startAll, useStage } from './harness.mjs';

/** Samples there should be before anything is looked at: a chart of one point shows nothing. */
const SAMPLES = 15;

describe('the page of a host', () => {
  const stage = useStage();
  const HOST = 'e2e-host';
  let server;

  before(async () => {
    server = stage.keep(
      await startAll({ args: ['--host', HOST, '--interval', '250ms', '--cpu-high', '60'] }),
    );
  });

  const chart = (id) => stage.page.locator(`[data-chart="${id}"]`);
  const open = (query = '') => stage.page.goto(`${server.url}#/hosts/${HOST}${query}`);
  const hash = () => stage.page.evaluate(() => location.hash);

  /** The figure beside a chart's line, as text. */
  const latest = (id) => chart(id).locator('tbody td').first();

  it('shows charts with history, and goes on live', async () => {
    await open();
    await chart('cpu').locator('canvas').first().waitFor();
    for (const id of ['cpu', 'memory', 'load']) await chart(id).locator('canvas').first().waitFor();
    await stage.changes(
      (id) => document.querySelector(`[data-chart="${id}"] tbody td`)?.textContent,
      'cpu',
    );
    assert.match(await latest('cpu').textContent(), /\d+(\.\d+)?\s*%/);
    await stage.picture('host-live');
  });
});
