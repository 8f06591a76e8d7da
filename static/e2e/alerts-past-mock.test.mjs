/** Past alerts, and alerts beside what else the page shows, against the mock server. */

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { graveFindings } from './axe.mjs';
import { useStage } from './harness.mjs';
import { startMockServer } from './mock-server.mjs';

const HOST = 'web-1.fra.example.com';
/** The newest of the mock server, and the only one of its host. */
const FIRST = 'episode1';

describe('past alerts, and alerts elsewhere', () => {
  const stage = useStage();
  let server;
  let page;

  beforeEach(async () => {
    server = stage.use(await startMockServer({ hosts: 40, alerts: 12 }));
    page = stage.page;
  });

  const open = (query = '') => page.goto(`${server.url}#/alerts${query}`);
  const row = (id) => page.locator(`[data-alert="${id}"]`);
  const rows = () => page.locator('[data-alert]');
  /** The places in the whole list of the rows that can be seen. */
  const inViewport = () =>
    rows().evaluateAll((all) =>
      all
        .filter((row) => {
          const { top, bottom } = row.getBoundingClientRect();
          return top >= 0 && bottom <= window.innerHeight;
        })
        .map((row) => Number(row.getAttribute('aria-rowindex'))),
    );
  const listed = (text) => page.getByRole('status').filter({ hasText: text }).waitFor();
  const dialog = () => page.getByRole('dialog');

  async function submit(name, text) {
    await dialog().getByLabel('Your name').fill(name);
    if (text)
      await dialog()
        .getByLabel(/not needed/)
        .fill(text);
    await dialog().locator('button[type=submit]').click();
  }

  it('turns the pages of the past', async () => {
    await open();
    await page.getByRole('link', { name: 'History' }).click();
    await stage.until(async () => (await rows().count()) === 50);
    const first = await rows().first().getAttribute('data-alert');
    await page.getByText('Acknowledged by Ada').first().waitFor();
    assert.deepEqual(await graveFindings(page), []);
    for (const count of [50, 30]) {
      const before = await rows().first().getAttribute('data-alert');
      await page.getByRole('button', { name: 'Older' }).click();
      await stage.until(
        async () =>
          (await rows().count()) === count &&
          (await rows().first().getAttribute('data-alert')) !== before,
      );
    }
    assert.equal(await page.getByRole('button', { name: 'Older' }).count(), 0);
    await page.goBack();
    await stage.until(async () => (await rows().count()) === 50);
    await page.getByRole('button', { name: 'Newest' }).click();
    await stage.until(async () => (await rows().first().getAttribute('data-alert')) === first);
    await page.getByRole('searchbox', { name: 'Host' }).fill(HOST);
    await page.getByRole('searchbox', { name: 'Host' }).press('Enter');
    await stage.until(async () => (await rows().count()) === 4);
    await page.getByLabel('Rule').selectOption('Pipeline');
    await page.getByRole('button', { name: 'Show all past alerts' }).click();
    await stage.until(async () => (await rows().count()) === 50);
  });

  it('shows no answer to another question', async () => {
    stage.expect(/status of 503/);
    await open('?show=history');
    await stage.until(async () => (await rows().count()) === 50);
    await page.route('**/api/v1/alerts?*host=*', (route) =>
      route.fulfill({ status: 503, json: { error: 'history is off' } }),
    );
    await page.getByRole('searchbox', { name: 'Host' }).fill(HOST);
    await page.getByRole('searchbox', { name: 'Host' }).press('Enter');
    await page.getByText('The server answered: history is off.').waitFor();
    assert.equal(await rows().count(), 0);
  });

  it('says on a chart when there are more alerts than marks', async () => {
    await page.route('**/api/v1/alerts?*from=*', async (route) => {
      const answer = await (await route.fetch()).json();
      await route.fulfill({ json: { ...answer, next: 'more' } });
    });
    await page.goto(`${server.url}#/hosts/${HOST}?range=6h`);
    await page.getByText('Only the newest alerts of this range are marked.').waitFor();
  });

  it('learns of silences that others make, of hosts without an alert too', async () => {
    await open('?show=silences');
    await page.getByRole('heading', { name: 'Nothing is silenced' }).waitFor();
    const silence = { host: 'quiet-1', for_ms: 3_600_000, by: 'Grace' };
    server.alerts.answer('POST', 'silences', undefined, silence);
    await page.getByText('quiet-1').waitFor();
  });

  it('names the columns of a row for those who do not see them', async () => {
    await open();
    const first = rows().first();
    await first.waitFor();
    const words = (await first.getByRole('gridcell').allTextContents()).map((text) => text.trim());
    for (const [i, name] of ['Level', 'What', 'Host', 'Since', 'State', 'Actions'].entries()) {
      assert.ok(words[i].startsWith(name), words[i]);
    }
  });

  it('says what is missing when the past cannot be told, and asks again', async () => {
    stage.expect(/status of 503/);
    await page.route('**/api/v1/alerts?*', (route) =>
      route.fulfill({ status: 503, json: { error: 'history is off' } }),
    );
    await open('?show=history');
    await page.getByText('The server answered: history is off.').waitFor();
    await page.unroute('**/api/v1/alerts?*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await stage.until(async () => (await rows().count()) === 50);
  });

  it('marks them on the page of a host: on top, and on the charts they are about', async () => {
    await page.goto(`${server.url}#/hosts/${HOST}?range=6h`);
    await page.getByRole('table', { name: 'Active alerts' }).getByText('CPU at 96%').waitFor();
    const marks = (chart) => page.locator(`[data-chart="${chart}"] [data-mark]`);
    await stage.until(async () => (await marks('cpu').count()) === 2);
    assert.equal(await marks('memory').count(), 0);
    const id = server.alerts.raise(HOST, { kind: 'silent' });
    for (const chart of ['cpu', 'memory', 'load', 'network', 'disks-0']) {
      await stage.until(async () => (await marks(chart).count()) > 0);
    }
    await marks('memory').first().focus();
    await page
      .locator('[data-chart=memory] .tip')
      .getByText(/^Sends nothing, .* – now$/)
      .waitFor();
    await stage.picture('alerts/marks');
    server.alerts.clear(id);
    await page
      .locator('[data-chart=memory] .tip')
      .getByText(/– now$/)
      .waitFor({ state: 'detached' });
    // Over, but still marked.
    assert.equal(await marks('memory').count(), 1);
    await marks('cpu').first().focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('Enter');
    const hash = () => page.evaluate(() => location.hash);
    await stage.until(async () => (await hash()).includes('from='));
    // The key that closes a dialog leaves what is behind it.
    const zoomed = await hash();
    await row(FIRST)
      .getByRole('button', { name: /^Silence/ })
      .click();
    await dialog().waitFor();
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    assert.equal(await hash(), zoomed);
    await row(FIRST)
      .getByRole('button', { name: /^Acknowledge/ })
      .click();
    await submit('Grace');
    await row(FIRST).getByText('Acknowledged by Grace').waitFor();
    assert.deepEqual(await graveFindings(page), []);
  });

  it('tells of them in the table and on the map', async () => {
    await page.goto(`${server.url}#/?q=${HOST}`);
    const sign = page.locator(`[data-host="${HOST}"]`).getByText('1 alert', { exact: true });
    await sign.waitFor();
    assert.match(await sign.getAttribute('title'), /CPU at 96%/);
    await stage.picture('alerts/table');
    await page.goto(`${server.url}#/map?selected=${HOST}`);
    await page.getByRole('option', { name: /1 alert: CPU at 96%/ }).waitFor();
    await stage.picture('alerts/map');
  });

  it('makes only what is in sight of thousands of them', async () => {
    const many = stage.use(await startMockServer({ hosts: 400, alerts: 4_000 }));
    await page.goto(`${many.url}#/alerts`);
    await listed('1,000 of 4,000 alerts');
    await page.getByText(/newest 1,000/).waitFor();
    for (let y = 0; y < 20_000; y += 4_000) {
      await page.evaluate((top) => window.scrollTo(0, top), y);
      await stage.until(async () => {
        const inSight = await inViewport();
        // Those that belong there: a row is 3.5 rem high.
        return inSight.length > 5 && inSight.every((place) => Math.abs(place - y / 56) < 30);
      });
      assert.ok((await rows().count()) < 60, `at ${y}`);
    }
    const id = many.alerts.raise('new-host', { kind: 'silent' });
    await page.evaluate(() => window.scrollTo(0, 0));
    await row(id).waitFor();
  });

  it('asks for those of a host or a rule that are not among the listed ones', async () => {
    const many = stage.use(await startMockServer({ hosts: 1_500, alerts: 4_000 }));
    const answer = await fetch(`${many.url}api/v1/alerts?state=active&limit=1&before=1200`);
    const [{ id, host }] = (await answer.json()).alerts;
    await page.goto(`${many.url}#/hosts/${host}`);
    const table = page.getByRole('table', { name: 'Active alerts' });
    await stage.until(async () => (await table.getByRole('row').count()) === 2);
    await page.goto(`${many.url}#/alerts?host=${host}`);
    await listed('2 of 4,000 alerts');
    assert.equal(await page.getByText(/Only the newest/).count(), 0);
    many.alerts.clear(id);
    await row(id).waitFor({ state: 'detached' });
    await listed('1 of 3,999 alerts');
    // Nothing asks for those that fit a text.
    await page.goto(`${many.url}#/alerts?q=${host}`);
    await page.getByRole('heading', { name: 'None of the listed alerts matches' }).waitFor();
    await page.getByText(/newest 1,000/).waitFor();
    await page.goto(`${many.url}#/alerts?host=nobody`);
    await page.getByRole('heading', { name: 'No alert matches' }).waitFor();
  });

  it('says what makes alerts when there is none', async () => {
    const calm = stage.use(await startMockServer({ hosts: 3 }));
    await page.goto(`${calm.url}#/alerts`);
    await page.getByRole('heading', { name: 'No active alerts' }).waitFor();
    await page.getByText('resources observer check rules.toml').waitFor();
    await page.getByRole('link', { name: 'History' }).click();
    await page.getByRole('heading', { name: 'No past alerts' }).waitFor();
    await page.getByRole('link', { name: 'Silences' }).click();
    await page.getByRole('heading', { name: 'Nothing is silenced' }).waitFor();
    assert.doesNotMatch(await page.title(), /alert/);
  });
});
