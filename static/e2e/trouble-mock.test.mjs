/**
 * What the page looks like when something is wrong, missing or open above it: what it says, and that
 * it keeps nobody out then either, in both themes.
 */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { graveFindings } from './axe.mjs';
import { UNREACHABLE, useStage } from './harness.mjs';
import { startMockServer } from './mock-server.mjs';

const THEMES = ['light', 'dark'];

/** Hosts of the mock server: two that are well until silenced, one silent, one of few words. */
const HOST = 'db-1.fra.example.com';
const OTHER = 'web-1.fra.example.com';
const SILENT = 'cache-2.ams.example.com';
const TERSE = 'api-2.ams.example.com';

/** What is said of each fault the server tells of: in a sentence, what then, and in the head. */
const TOLD = {
  broker_blocked: {
    happened: 'The broker is short of memory or disk and holds back what is published.',
    rest: ['Reason: low on disk.', 'Figures below are the last known.'],
    link: ['broker', 'blocked', 'waiting'],
  },
  broker_down: {
    happened: 'The server has lost its link to the broker.',
    rest: [
      'Reason: connection refused (127.0.0.1:5672).',
      'The server keeps trying.',
      'Figures below are the last known.',
    ],
    link: ['broker', 'not connected', 'bad'],
  },
  idle: {
    happened: 'No tracker is sending.',
    rest: ['Hosts show here as late, then silent, until one does.'],
    link: ['broker', 'connected', 'good'],
  },
  no_analyzer: {
    happened: 'No analyzer is running, and 4,210 measures wait for one.',
    rest: [
      'Start one:',
      'resources-analyzer --broker-url amqp://USER:PASSWORD@BROKER:5672/%2f',
      'Figures below are the last known.',
    ],
    link: ['analyzer', 'not running', 'bad'],
  },
  stalled: {
    happened: 'The analyzer has stalled: 961 measures wait, and none is analysed.',
    rest: ['Look at its log, or start it anew.', 'Figures below are the last known.'],
    link: ['analyzer', 'stalled', 'bad'],
  },
};

/** Views that stand below the sentence as the table does, and what is there once they are whole. */
const OTHER_VIEWS = [
  ['map', '[role="listbox"] canvas'],
  [`hosts/${HOST}`, '[data-chart="temperatures-0"] canvas'],
];

describe('the page in trouble, for everybody', () => {
  const stage = useStage();
  let server;

  before(async () => {
    server = stage.keep(await startMockServer({ hosts: 30 }));
  });

  const main = () => stage.page.locator('main');
  const rows = () => stage.page.locator('[data-host] canvas').first();
  const heading = (name) => stage.page.getByRole('heading', { name, exact: true });

  async function open(hash = '#/', { url } = server) {
    await stage.page.goto(url + hash);
  }

  /** Nobody is kept out of what is seen now. */
  async function isOpenToAll(name) {
    await stage.picture(`trouble-${name}`);
    assert.deepEqual(await graveFindings(stage.page), []);
  }

  for (const theme of THEMES) {
    describe(`in the ${theme} theme`, () => {
      /** A page in this theme; `stage` has made one of its own for each test. */
      const inTheme = () => stage.page.emulateMedia({ colorScheme: theme });

      for (const [fault, { happened, rest, link }] of Object.entries(TOLD)) {
        it(`says of ${fault} what it is, and what comes next`, async () => {
          await inTheme();
          const own = stage.use(await startMockServer({ hosts: 30 }));
          await open('#/', own);
          await rows().waitFor();
          assert.equal(await stage.page.locator('.notice').count(), 0);
          // What is read aloud must be there before it says anything.
          assert.equal(await stage.page.locator('.page > [role=status]').textContent(), '');
          const isLive = !rest.includes('Figures below are the last known.');
          const tab = async () => {
            const icon = await stage.page.locator('link[rel=icon]').getAttribute('href');
            return { title: await stage.page.title(), icon };
          };
          const before = await tab();
          assert.doesNotMatch(before.title, /not live/);
          own.fail(fault);
          await stage.page.getByRole('status').filter({ hasText: happened }).waitFor();
          const notice = stage.page.locator('.notice');
          assert.equal(await notice.count(), 1);
          await stage.until(async () => {
            const text = (await notice.textContent()).replaceAll(/\s+/g, ' ').trim();
            return text === [happened, ...rest].join(' ');
          });
          const [end, words, mood] = link;
          const told = stage.page.locator(`[data-link="${end}"] [data-mood="${mood}"]`);
          await told.getByText(words, { exact: true }).waitFor();
          await stage.until(async () => (await tab()).title.startsWith('(not live') !== isLive);
          if (!isLive) await stage.until(async () => (await tab()).icon !== before.icon);
          await isOpenToAll(`${fault}-${theme}`);
          for (const [view, whole] of fault === 'broker_down' ? OTHER_VIEWS : []) {
            await open(`#/${view}`, own);
            await stage.page.locator(whole).waitFor();
            await stage.page.getByRole('status').filter({ hasText: happened }).waitFor();
            await isOpenToAll(`${fault}-${view.split('/')[0]}-${theme}`);
          }
          own.fail('none');
          await notice.waitFor({ state: 'detached' });
          await stage.until(async () => !(await tab()).title.includes('not live'));
        });
      }

      it('says from when on alerts are not shown, and marks hosts of which none is listed', async () => {
        const { page } = stage;
        await inTheme();
        const own = stage.use(await startMockServer({ hosts: 30, alerts: 1_020 }));
        await open('#/', own);
        // Of most hosts one of them is not listed.
        const marks = page.locator('[data-host] .alerts');
        await marks.getByText('34 alerts').first().waitFor();
        assert.equal(await marks.filter({ hasNotText: '34 alerts' }).count(), 0);
        own.alerts.become({ state: 'halted', reason: 'the disk is full', after_ms: Date.now() });
        await page.locator('[data-link="alerts"]').getByText('halted').waitFor();
        await open('#/alerts', own);
        const sentence =
          /^Alerts after .+ are not shown. Alerts are not being stored: the disk is full\./;
        await page.getByRole('status').filter({ hasText: sentence }).waitFor();
        await isOpenToAll(`alerts-halted-${theme}`);
        own.alerts.become({ state: 'on' });
        await page.locator('[data-link="alerts"]').waitFor({ state: 'detached' });
        own.alerts.become({ state: 'reading' });
        await page.getByRole('heading', { name: 'Nothing is known of alerts yet' }).waitFor();
      });

      it('keeps to itself what one view cannot show', async () => {
        const { page } = stage;
        await inTheme();
        stage.expect(/cannot draw/);
        await open();
        await rows().waitFor();
        await page.evaluate(() => {
          const { prototype } = HTMLCanvasElement;
          const { getContext } = prototype;
          prototype.getContext = function (...args) {
            if (this.closest('[role="listbox"]')) throw new Error('cannot draw');
            return getContext.apply(this, args);
          };
        });
        await page.evaluate(() => (location.hash = '#/map'));
        await page.getByRole('heading', { name: 'This view broke off' }).waitFor();
        await isOpenToAll(`broke-off-${theme}`);
        await page.evaluate(() => (location.hash = '#/'));
        await rows().waitFor();
        // Its figures go on.
        await stage.changes(() => document.querySelector('main')?.textContent);
      });

      it('shows a view again that broke off, when it can', async () => {
        const { page } = stage;
        await inTheme();
        stage.expect(/cannot draw/);
        await page.addInitScript(() => {
          const { prototype } = HTMLCanvasElement;
          const { getContext } = prototype;
          globalThis.isBroken = true;
          prototype.getContext = function (...args) {
            if (globalThis.isBroken && this.closest('[role="listbox"]')) {
              throw new Error('cannot draw');
            }
            return getContext.apply(this, args);
          };
        });
        const cells = page.getByRole('listbox');
        for (const query of ['', '?q=web']) {
          await open('#/map');
          await page.reload();
          await heading('This view broke off').waitFor();
          await page.evaluate(() => (globalThis.isBroken = false));
          if (query) await page.evaluate((hash) => (location.hash = hash), `#/map${query}`);
          await cells.waitFor();
        }
      });

      it('is whole while nothing is heard, and when the server is gone', async () => {
        await inTheme();
        stage.expect(UNREACHABLE);
        const own = stage.use(await startMockServer({ hosts: 30 }));
        await open('#/', own);
        await rows().waitFor();
        own.hold();
        await stage.page
          .getByRole('status')
          .filter({ hasText: 'Nothing is heard from the server.' })
          .waitFor();
        await isOpenToAll(`quiet-${theme}`);
        await own.stop();
        await stage.page
          .getByRole('status')
          .filter({ hasText: 'Connection to the server lost.' })
          .waitFor();
        await stage.page.getByRole('button', { name: 'Try now' }).waitFor();
        await isOpenToAll(`lost-${theme}`);
      });

      it('is whole when there is no server from the start, and when the browser is offline', async () => {
        await inTheme();
        stage.expect(UNREACHABLE);
        const own = stage.use(await startMockServer({ hosts: 30 }));
        own.refuse();
        await open('#/', own);
        await heading('Nothing to show yet').waitFor();
        await stage.until(async () => /not live/.test(await stage.page.title()));
        await isOpenToAll(`no-server-${theme}`);
        await stage.page.context().setOffline(true);
        await stage.page
          .getByRole('status')
          .filter({ hasText: 'This browser is offline.' })
          .waitFor();
        await isOpenToAll(`offline-${theme}`);
      });

      it('is whole with hosts that are late and silent', async () => {
        await inTheme();
        const own = stage.use(await startMockServer({ hosts: 30 }));
        await open('#/?sort=age&order=descending', own);
        await rows().waitFor();
        own.silence(HOST);
        await stage.page.locator(`[data-host="${HOST}"][data-freshness="late"]`).waitFor();
        await stage.page.locator(`[data-host="${SILENT}"][data-freshness="silent"]`).waitFor();
        await isOpenToAll(`late-${theme}`);
        await open(`#/hosts/${OTHER}`, own);
        await stage.page.locator('[data-chart="disks-0"] canvas').waitFor();
        // Seen from here on: late lasts for some seconds only.
        own.silence(OTHER);
        await stage.page.locator('[data-freshness="late"]').waitFor();
        await isOpenToAll(`host-late-${theme}`);
        await open(`#/map?selected=${SILENT}`, own);
        await stage.page.getByRole('listbox').focus();
        await stage.page.locator('.tip').getByText('silent').waitFor();
        await isOpenToAll(`map-silent-${theme}`);
        await open(`#/hosts/${SILENT}`, own);
        await stage.page.locator('[data-freshness="silent"]').waitFor();
        await stage.page.locator('[data-chart="disks-0"] canvas').waitFor();
        await isOpenToAll(`host-silent-${theme}`);
      });

      it('is whole when there is nothing to show', async () => {
        await inTheme();
        const none = stage.use(await startMockServer({ hosts: 0 }));
        await open('#/', none);
        await heading('No host yet').waitFor();
        await main().locator('code').waitFor();
        await isOpenToAll(`no-host-${theme}`);
        for (const view of ['', 'map']) {
          await open(`#/${view}?q=no-such-host`);
          await heading('No host matches').waitFor();
          await isOpenToAll(`no-match-${view || 'table'}-${theme}`);
        }
        stage.expect(/status of 404/);
        await open('#/hosts/nobody');
        await heading('No host is called nobody').waitFor();
        await isOpenToAll(`unknown-${theme}`);
        await open(`#/hosts/${TERSE}`);
        await stage.page.getByText('This host sends its CPU alone').waitFor();
        await isOpenToAll(`terse-${theme}`);
      });

      it('is whole with what opens above it, and what it complains of', async () => {
        const { page } = stage;
        await inTheme();
        await open();
        await rows().waitFor();
        await page.getByRole('button', { name: 'Choose columns' }).click();
        await page.getByRole('checkbox', { name: /^Swap/ }).waitFor();
        await isOpenToAll(`columns-${theme}`);
        await page.keyboard.press('Escape');
        await page.getByRole('button', { name: 'What can be typed here' }).click();
        await page.getByText('level:high,medium').waitFor();
        await isOpenToAll(`filter-help-${theme}`);
        await page.keyboard.press('Escape');
        await page.getByRole('searchbox').fill('cpu>eighty');
        await page.getByRole('alert').filter({ hasText: 'needs a number' }).waitFor();
        await isOpenToAll(`filter-problem-${theme}`);

        await open('#/map?group=label:role');
        await page.getByRole('listbox').focus();
        await page.keyboard.press('ArrowRight');
        await page.locator('.tip').waitFor();
        await isOpenToAll(`tooltip-${theme}`);

        await open(`#/hosts/${HOST}?range=1h`);
        await page.locator('[data-chart="temperatures-0"] canvas').waitFor();
        await page.getByRole('button', { name: 'From … to …' }).click();
        await page.getByLabel('To', { exact: true }).fill('2020-01-02T09:00:00');
        await page.getByRole('button', { name: 'Show', exact: true }).click();
        await page.getByText('The beginning must be before the end.').waitFor();
        await page.locator('[data-chart="cpu"] [data-plot]').focus();
        await page.keyboard.press('Home');
        await page.getByRole('columnheader', { name: 'At cursor' }).first().waitFor();
        await isOpenToAll(`range-${theme}`);
        server.fail('history');
        await page.getByText('History is behind (the disk is full)').waitFor();
        await isOpenToAll(`history-${theme}`);
        server.fail('none');
      });
    });
  }
});
