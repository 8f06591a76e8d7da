/** Alerts from the bus to the page and back: raised, answered by people in two browsers, cleared. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Broker } from './broker.mjs';
import { sendAlert, startWeb, useStage } from './harness.mjs';

const HOST = 'web-1.example.com';

describe('alerts, from the bus to the page and back', () => {
  const stage = useStage();
  let broker;
  let server;

  before(async () => {
    broker = stage.keep(await Broker.start());
    server = stage.keep(await startWeb(broker.url));
  });

  const row = (page, id) => page.locator(`[data-alert="${id}"]`);

  /** Publishes that an episode begins now; answers with a way to end it. */
  async function raise(id, fields) {
    const sinceMs = Date.now();
    const alert = { id, host: HOST, since_ms: sinceMs, ...fields };
    await sendAlert(broker.url, { ...alert, state: 'raised', timestamp_ms: sinceMs });
    return () => sendAlert(broker.url, { ...alert, state: 'cleared', timestamp_ms: Date.now() });
  }

  async function answer(page, action, name, text) {
    await row(page, 'one').getByRole('button', { name: action }).click();
    await page.getByLabel('Your name').fill(name);
    await page.getByLabel(/not needed/).fill(text);
    await page.getByRole('dialog').locator('button[type=submit]').click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }

  it('shows what is raised, and what others say of it, until it is cleared', async () => {
    const { page } = stage;
    const other = await stage.newPage();
    for (const one of [page, other]) {
      await one.goto(`${server.url}#/alerts`);
      await one.getByRole('heading', { name: 'No active alerts' }).waitFor();
    }
    const cpu = { resource: 'cpu', kind: 'level', level: 'HIGH', percentage: 97 };
    const clear = await raise('one', cpu);
    await row(page, 'one').getByText('CPU at 97%').waitFor();
    await stage.until(async () => (await page.title()) === '(1 alert) Resources');

    await answer(page, /^Acknowledge/, 'Ada', 'looking at it');
    await row(other, 'one').getByText('Acknowledged by Ada').waitFor();
    await row(other, 'one').getByText('looking at it').waitFor();
    await stage.until(async () => (await other.title()) === 'Resources');

    await answer(other, /^Silence/, 'Grace', 'planned work');
    await row(page, 'one')
      .getByText(/Silenced until/)
      .waitFor();
    await page.getByRole('link', { name: 'Silences' }).click();
    await page.getByText('by Grace').waitFor();
    await page.getByRole('button', { name: /^End the silence of/ }).click();
    await page.getByRole('heading', { name: 'Nothing is silenced' }).waitFor();
    await row(other, 'one')
      .getByText(/Silenced until/)
      .waitFor({ state: 'detached' });

    await clear();
    await row(other, 'one').waitFor({ state: 'detached' });
    await other.getByRole('link', { name: 'History' }).click();
    await row(other, 'one').getByText('Acknowledged by Ada').waitFor();
    await stage.picture('alerts-past', { page: other });
    await other.context().close();
  });

  it('says what is in the way when the broker is away', async () => {
    const { page } = stage;
    await raise('two', { kind: 'silent' });
    await page.goto(`${server.url}#/alerts`);
    await row(page, 'two').getByText('Sends nothing').waitFor();
    stage.expect(/status of 503/);
    broker.kill();
    await row(page, 'two')
      .getByRole('button', { name: /^Acknowledge/ })
      .click();
    await page.getByLabel('Your name').fill('Ada');
    await page.getByRole('dialog').locator('button[type=submit]').click();
    const said = page.getByRole('dialog').getByRole('alert');
    await said.waitFor();
    assert.match(await said.textContent(), /^The server answered: .*broker/);
    await broker.startAgain();
  });
});
