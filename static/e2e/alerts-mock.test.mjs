/**
 * The view of alerts, and alerts everywhere else on the page, against the mock server: every state,
 * by pointer and by keyboard. Pictures are left in screenshots/.
 */

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { graveFindings } from './axe.mjs';
import { useStage } from './harness.mjs';
import { startMockServer } from './mock-server.mjs';

const HOST = 'web-1.fra.example.com';
/** The newest of the mock server, and the only one of its host. */
const FIRST = 'episode1';

describe('alerts', () => {
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
  const listed = (text) => page.getByRole('status').filter({ hasText: text }).waitFor();
  const dialog = () => page.getByRole('dialog');
  const focusedName = () =>
    page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '');

  /** Longer than the list waits for a row that is to have the focus. */
  const someFrames = () =>
    page.evaluate(async () => {
      for (let i = 0; i < 15; i += 1) await new Promise(requestAnimationFrame);
    });

  async function submit(name, text) {
    await dialog().getByLabel('Your name').fill(name);
    if (text)
      await dialog()
        .getByLabel(/not needed/)
        .fill(text);
    await dialog().locator('button[type=submit]').click();
  }

  it('lists the active ones, counts them everywhere, and leads to the charts of their time', async () => {
    await open();
    await listed('12 alerts, 12 open');
    await page.getByRole('link', { name: /Alerts.*12 open/ }).waitFor();
    await stage.until(async () => /^\(12 alerts.*Resources$/.test(await page.title()));
    await row(FIRST).getByText('CPU at 96%').waitFor();
    await row(FIRST).getByText('High', { exact: true }).waitFor();
    const time = row(FIRST).locator('time');
    // It goes on while the page is opened.
    assert.match(await time.textContent(), /^[789]\u00a0min$/);
    assert.match(await time.getAttribute('title'), /UTC$/);
    await row(FIRST).getByRole('link', { name: HOST }).click();
    await page.getByRole('heading', { name: HOST }).waitFor();
    const { from, to } = await page.evaluate(() =>
      Object.fromEntries(new URLSearchParams(location.hash.split('?')[1])),
    );
    const sinceMs = Date.now() - 7 * 60_000;
    assert.ok(Number(from) < sinceMs && Number(to) > sinceMs, `${from} to ${to}`);
    await page.getByRole('link', { name: 'Back to the alerts' }).click();
    await listed('12 alerts');
  });

  it('follows what is raised and cleared, in list and title', async () => {
    await open();
    await listed('12 alerts');
    const id = server.alerts.raise('db-9', { kind: 'silent' });
    await row(id).getByText('Sends nothing').waitFor();
    await listed('13 alerts, 13 open');
    server.alerts.clear(id);
    await row(id).waitFor({ state: 'detached' });
    await stage.until(async () => /^\(12 alerts/.test(await page.title()));
  });

  it('lists all that are raised at once where there was none', async () => {
    server = stage.use(await startMockServer({ hosts: 40, alerts: 0 }));
    await open();
    await page.getByText('No active alerts').waitFor();
    const ids = ['db-7', 'db-8', 'db-9'].map((host) =>
      server.alerts.raise(host, { kind: 'silent' }),
    );
    for (const id of ids) await row(id).getByText('Sends nothing').waitFor();
    await someFrames();
    assert.equal(await rows().count(), ids.length);
  });

  it('acknowledges, by keyboard, with a name that is remembered', async () => {
    await open();
    const button = row(FIRST).getByRole('button', { name: /^Acknowledge/ });
    await button.focus();
    await page.keyboard.press('Enter');
    await dialog().waitFor();
    assert.deepEqual(await graveFindings(page), []);
    await stage.picture('alerts/acknowledge');
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    await stage.until(async () => (await focusedName()).startsWith('Acknowledge: CPU at 96%'));
    await page.keyboard.press('Enter');
    // Nobody is nobody.
    await dialog().locator('button[type=submit]').click();
    assert.equal(await dialog().isVisible(), true);
    await submit('Grace', 'looking at it');
    await dialog().waitFor({ state: 'detached' });
    await row(FIRST).getByText('Acknowledged by Grace').waitFor();
    await row(FIRST).getByText('looking at it').waitFor();
    await listed('12 alerts, 11 open');
    // It is behind the open ones now, and the focus went with it.
    await stage.until(async () => (await focusedName()).startsWith('Change note: CPU at 96%'));
    assert.equal(await row(FIRST).getAttribute('aria-rowindex'), '12');
    await page.reload();
    await rows()
      .first()
      .getByRole('button', { name: /^Silence/ })
      .click();
    assert.equal(await dialog().getByLabel('Your name').inputValue(), 'Grace');
  });

  it('shows the note of an alert beside its silence', async () => {
    await open();
    for (const [action, text] of [
      ['Acknowledge', 'looking at it'],
      ['Silence', ''],
    ]) {
      await row(FIRST)
        .getByRole('button', { name: new RegExp(`^${action}`) })
        .click();
      await submit('Grace', text);
      await dialog().waitFor({ state: 'detached' });
    }
    await row(FIRST)
      .getByText(/^Silenced until .* · looking at it$/)
      .waitFor();
  });

  it('silences a rule, a whole host and for any time, and ends it', async () => {
    await open();
    await row(FIRST)
      .getByRole('button', { name: /^Silence/ })
      .click();
    await stage.picture('alerts/silence');
    assert.deepEqual(await graveFindings(page), []);
    await dialog().getByRole('radio', { name: '4 h', exact: true }).check();
    await submit('Grace', 'planned work');
    await row(FIRST)
      .getByText(/Silenced until/)
      .waitFor();
    await listed('12 alerts, 11 open');
    await page.getByRole('link', { name: 'Silences' }).click();
    await page.locator('[data-silence]').getByText(`${HOST}, Level · CPU`).waitFor();
    await page.getByText('planned work').waitFor();
    await page.getByText(/^3\u00a0h left$/).waitFor();

    await page.getByRole('button', { name: 'Silence a host…' }).click();
    await dialog().getByLabel('Host', { exact: true }).fill('db-1.fra.example.com');
    await dialog().getByLabel('Other:').check();
    await dialog().getByLabel(/Hours/).fill('721');
    await submit('Grace');
    assert.equal(await dialog().isVisible(), true, 'more than 30 days are too many');
    await dialog().getByLabel(/Hours/).fill('48');
    await submit('Grace');
    await page.getByText(/^1\u00a0d left$/).waitFor();
    await stage.picture('alerts/silences');
    assert.deepEqual(await graveFindings(page), []);

    await page.getByRole('button', { name: `End the silence of ${HOST}, Level · CPU` }).click();
    await page.getByText(`${HOST}, Level · CPU`, { exact: true }).waitFor({ state: 'detached' });
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Silence a host…');
    await page.getByRole('link', { name: /^Active/ }).click();
    // Only the other host is silenced now.
    await listed('12 alerts, 11 open');
    await row(FIRST).getByText('Open').waitFor();
  });

  it('says why a silence could not be ended, and does not show one again that was', async () => {
    await open();
    await row(FIRST)
      .getByRole('button', { name: /^Silence/ })
      .click();
    await submit('Grace');
    await page.getByRole('link', { name: 'Silences' }).click();
    const silence = page.locator('[data-silence]');
    const end = silence.getByRole('button');
    await end.waitFor();

    stage.expect(/status of 503/);
    await page.route('**/api/v1/silences/*', (route) =>
      route.fulfill({ status: 503, json: { error: 'the broker is away' } }),
    );
    await end.click();
    const sentence = page.getByText('The server answered: the broker is away.');
    await sentence.waitFor();
    const listAnswer = () =>
      page.waitForResponse((answer) => answer.url().endsWith('/api/v1/silences'));
    // Another list says nothing of it.
    const next = listAnswer();
    server.alerts.raise('db-9', { kind: 'silent' });
    await (await next).finished();
    await someFrames();
    assert.ok(await sentence.isVisible());

    await page.unroute('**/api/v1/silences/*');
    const ways = [];
    await page.route('**/api/v1/silences', async (route) => {
      const answer = await route.fetch();
      ways.push(() => route.fulfill({ response: answer }));
    });
    server.alerts.raise('db-8', { kind: 'silent' });
    await stage.until(() => ways.length === 1);
    await end.click();
    await silence.waitFor({ state: 'detached' });
    await sentence.waitFor({ state: 'detached' });
    await ways[0]();
    await stage.until(() => ways.length === 2);
    assert.equal(await silence.count(), 0);
    await ways[1]();
  });

  it('says what the server says when something cannot be done', async () => {
    await open();
    stage.expect(/status of 503/);
    await page.route('**/acknowledgement', (route) =>
      route.fulfill({
        status: 503,
        json: { error: 'the broker is away; try again when it is back' },
      }),
    );
    await row(FIRST)
      .getByRole('button', { name: /^Acknowledge/ })
      .click();
    await submit('Grace');
    await dialog()
      .getByRole('alert')
      .getByText('The server answered: the broker is away; try again when it is back.')
      .waitFor();
    assert.equal(await dialog().getByLabel('Your name').inputValue(), 'Grace');
    await page.unroute('**/acknowledgement');
    await dialog().locator('button[type=submit]').click();
    await row(FIRST).getByText('Acknowledged by Grace').waitFor();
  });

  it('narrows to a host, a rule and what is typed, all of it in the address', async () => {
    await open();
    await listed('12 alerts');
    await page.getByLabel('Rule').selectOption('Level');
    await listed('6 of 12 alerts');
    await page.getByLabel('Resource').selectOption('CPU');
    await listed('2 of 12 alerts');
    await page.getByRole('searchbox').fill('label:role=build');
    await listed('1 of 12 alerts');
    await stage.until(async () =>
      (await page.evaluate(() => location.hash)).includes('q=label:role=build'),
    );
    await page.reload();
    await listed('1 of 12 alerts');
    await page.getByRole('searchbox').fill('nothing like it');
    await page.getByRole('button', { name: 'Show all alerts' }).click();
    await listed('12 alerts');
    await page.getByLabel('Order').selectOption('By host');
    await stage.until(async () =>
      (await rows().first().textContent()).includes('api-1.fra.example.com'),
    );
    await open(`?host=${HOST}`);
    await listed('1 of 12 alerts');
    await page.getByRole('button', { name: /Show alerts of all hosts/ }).click();
    await listed('12 alerts');
  });

  it('goes through the list by keyboard, and stays when what had the focus goes', async () => {
    await open();
    await row(FIRST)
      .getByRole('button', { name: /^Acknowledge/ })
      .focus();
    await page.keyboard.press('ArrowDown');
    await stage.until(async () => (await focusedName()).startsWith('Acknowledge: Disk / at 93%'));
    await page.keyboard.press('ArrowRight');
    await stage.until(async () => (await focusedName()).startsWith('Silence: Disk / at 93%'));
    server.alerts.clear('episode2');
    await row('episode2').waitFor({ state: 'detached' });
    await stage.until(async () => (await focusedName()).startsWith('Silence: Sends nothing'));
    await page.keyboard.press('End');
    await stage.until(async () => (await focusedName()).startsWith('Silence: Clock is off'));
    // One row is in the order of Tab.
    const stops = await page.locator('[role=grid] :is(a, button)[tabindex="0"]').count();
    assert.equal(stops, 4);
  });

  for (const what of ['row', 'button']) {
    it(`lets go of a ${what} with the focus that is scrolled away or left`, async () => {
      server = stage.use(await startMockServer({ hosts: 40, alerts: 60 }));
      await open();
      const third = row('episode3');
      const grasp = () =>
        what === 'row'
          ? third.locator('.state').click()
          : third.getByRole('button', { name: /^Acknowledge/ }).focus();
      const hasNoFocus = () => page.evaluate(() => document.activeElement === document.body);
      await grasp();
      await stage.until(async () => !(await hasNoFocus()));
      await page.mouse.move(600, 400);
      await stage.until(async () => {
        await page.mouse.wheel(0, 300);
        return (await third.count()) === 0;
      });
      // What changes elsewhere in the list is no reason to go back.
      server.alerts.clear('episode60');
      await listed('59 alerts');
      await someFrames();
      assert.equal(await third.count(), 0);
      assert.ok(await hasNoFocus());
      await stage.until(async () => (await page.locator('[role=grid] [tabindex="0"]').count()) > 0);

      await page.evaluate(() => window.scrollTo(0, 0));
      await third.waitFor();
      await grasp();
      await page.mouse.click(3, 400);
      assert.ok(await hasNoFocus());
      server.alerts.clear('episode2');
      await listed('58 alerts');
      await someFrames();
      assert.ok(await hasNoFocus());
    });
  }
});
