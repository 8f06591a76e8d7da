/**
 * The page of one host, in a browser, against the mock server: every way to look at a stretch of
 * time, and every way in which something can be missing. Pictures are left in screenshots/.
 */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchBrowser } from './browser.mjs';
import { startMockServer } from './mock-server.mjs';

const SCREENSHOTS = fileURLToPath(new URL('./screenshots', import.meta.url));

/** Long, because it is only reached when something is wrong. */
const PATIENCE_MS = 20_000;

/** Hosts of the mock server: one that sends all, its CPU alone, and nothing any more. */
const FULL = 'db-1.fra.example.com';
const OTHER = 'web-1.fra.example.com';
const TERSE = 'api-2.ams.example.com';
const SILENT = 'cache-2.ams.example.com';

describe('the page of a host', () => {
  let browser;
  let server;
  let page;
  let problems;
  /** Answers of the server that a test asks for; the browser reports them as errors. */
  let expectedStatus;

  before(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    browser = await launchBrowser();
    server = await startMockServer({ hosts: 20 });
  });

  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  beforeEach(async () => {
    problems = [];
    expectedStatus = undefined;
    page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return;
      if (expectedStatus && message.text().includes(`status of ${expectedStatus}`)) return;
      problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(`uncaught: ${error}`));
    await page.exposeFunction('__violated', (what) => problems.push(`policy: ${what}`));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        globalThis.__violated(`${event.violatedDirective} ${event.blockedURI}`);
      });
    });
  });

  afterEach(async () => {
    await page.close();
    assert.deepEqual(problems, []);
  });

  const open = async (host, query = '') => {
    await page.goto(`${server.url}#/hosts/${encodeURIComponent(host)}${query}`);
  };
  const chart = (id) => page.locator(`[data-chart="${id}"]`);
  const plot = (id) => chart(id).getByRole('slider');
  const drawn = (id) => chart(id).locator('canvas').waitFor();
  /** Waits for figures and for the picture of them. */
  const hasAverage = async (id) => {
    await drawn(id);
    await chart(id).locator('tbody tr').first().getByText(/\d/).nth(2).waitFor();
  };
  const query = () => new URLSearchParams(new URL(page.url()).hash.split('?')[1]);
  const queryBecomes = (test) => page.waitForFunction(test);
  const picture = (name) =>
    page.screenshot({ path: `${SCREENSHOTS}/host-${name}.png`, fullPage: true });
  const pressed = () => page.locator('[aria-pressed="true"]').textContent();

  it('shows what it sends, how it is and how it was', async () => {
    await open(FULL, '?range=1h');
    await page.getByRole('heading', { name: FULL }).waitFor();
    for (const id of ['cpu', 'memory', 'load', 'network', 'disks-0', 'temperatures-0']) {
      await hasAverage(id);
    }
    for (const name of ['CPU per core', 'Top processes', 'System', 'Tracking']) {
      await page.getByRole('heading', { name, exact: true }).waitFor();
    }
    await page.locator('[data-freshness="fresh"]').waitFor();
    const sequence = page.locator('dt:text-is("Sequence") + dd');
    const told = await sequence.textContent();
    await page.waitForFunction(
      (before) =>
        [...document.querySelectorAll('dt')].find((one) => one.textContent === 'Sequence')
          ?.nextElementSibling?.textContent !== before,
      told,
    );
    assert.equal(await pressed(), '1 h');
    await picture('light');
  });

  it('points at the same instant in every chart', async () => {
    await open(FULL, '?range=1h');
    await hasAverage('cpu');
    await hasAverage('memory');
    await plot('cpu').hover();
    for (const id of ['cpu', 'memory']) {
      await chart(id).getByRole('columnheader', { name: 'At cursor' }).waitFor();
      await chart(id).getByText(/UTC/).waitFor();
    }
    await page.mouse.move(1, 1);
    await chart('memory').getByRole('columnheader', { name: 'Latest' }).waitFor();
  });

  it('zooms where it is drawn, and back', async () => {
    await open(FULL, '?range=6h');
    await hasAverage('cpu');
    const box = await plot('cpu').boundingBox();
    const at = (share) => [box.x + box.width * share, box.y + box.height / 3];
    await page.mouse.move(...at(0.4));
    await page.mouse.down();
    await page.mouse.move(...at(0.6), { steps: 5 });
    await page.mouse.up();
    await queryBecomes(() => location.hash.includes('from='));
    const [from, to] = [Number(query().get('from')), Number(query().get('to'))];
    assert.ok(to - from > 3_600_000 && to - from < 1.6 * 3_600_000, `${to - from} ms`);
    await picture('zoomed');
    await page.mouse.dblclick(...at(0.5));
    await queryBecomes(() => location.hash.endsWith('?range=6h'));
    await page.goBack();
    await queryBecomes(() => location.hash.includes('from='));
    await page.getByRole('button', { name: 'Reset zoom' }).click();
  });

  it('does all of that with the keyboard', async () => {
    await open(FULL, '?range=1h');
    await hasAverage('cpu');
    await plot('cpu').focus();
    await page.keyboard.press('-');
    await queryBecomes(() => location.hash.endsWith('?range=6h'));
    await page.keyboard.press('+');
    await queryBecomes(() => location.hash.endsWith('?range=1h'));
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    assert.match((await plot('cpu').getAttribute('aria-valuetext')) ?? '', /CPU \d/);
    await page.keyboard.press('Shift+ArrowLeft');
    await queryBecomes(() => location.hash.includes('from='));
    await page.keyboard.press('Escape');
    await queryBecomes(() => location.hash.endsWith('?range=1h'));
    const isFocused = await plot('cpu').evaluate((one) => one === document.activeElement);
    assert.ok(isFocused, 'the chart lost the focus');
  });

  it('shows any range, and says why it cannot', async () => {
    await open(FULL);
    assert.equal(await pressed(), '15 min');
    await page.getByRole('button', { name: 'From … to …' }).click();
    await page.getByLabel('From', { exact: true }).fill('2026-01-02T10:00:00');
    await page.getByLabel('To', { exact: true }).fill('2026-01-02T09:00:00');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.getByText('The beginning must be before the end.').waitFor();
    await page.getByLabel('To', { exact: true }).fill('2026-01-02T11:30:00');
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await queryBecomes(() => location.hash.includes('from='));
    assert.equal(Number(query().get('to')) - Number(query().get('from')), 5_400_000);
    await hasAverage('cpu');
  });

  it('asks few questions at once, and takes back those nobody waits for', async () => {
    await page.addInitScript(() => {
      const ask = globalThis.fetch;
      const asked = { now: 0, most: 0, takenBack: 0 };
      globalThis.asked = asked;
      globalThis.fetch = async (address, options) => {
        asked.now += 1;
        asked.most = Math.max(asked.most, asked.now);
        options?.signal?.addEventListener('abort', () => (asked.takenBack += 1));
        try {
          return await ask(address, options);
        } finally {
          asked.now -= 1;
        }
      };
    });
    await page.route('**/history?*', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 150));
      await route.continue().catch(() => {});
    });
    await open(FULL, '?range=1h');
    await plot('cpu').waitFor();
    for (const name of ['7 d', '30 d', '1 y', '6 h']) {
      await page.getByRole('button', { name, exact: true }).click();
    }
    await hasAverage('temperatures-0');
    const { most, takenBack } = await page.evaluate(() => globalThis.asked);
    assert.ok(most <= 3, `${most} at once`);
    assert.ok(takenBack > 0, 'none was taken back');
  });

  it('says what is missing: an unknown host, a terse one, a silent one', async () => {
    expectedStatus = 404;
    await open('nobody');
    await page.getByRole('heading', { name: 'No host is called nobody' }).waitFor();
    await picture('unknown');
    await open(TERSE);
    await page.getByText('This host sends its CPU alone').waitFor();
    assert.equal(await page.locator('figure').count(), 1);
    await picture('terse');
    await open(SILENT);
    await page.locator('[data-freshness="silent"]', { hasText: 'nothing heard for' }).waitFor();
    await page.getByRole('heading', { name: 'Last known figures' }).waitFor();
    await picture('silent');
  });

  it('says that a host cannot be shown, and draws what history knows of it', async () => {
    const own = await startMockServer({ hosts: 3 });
    own.garble();
    await page.goto(`${own.url}#/hosts/${FULL}?range=1h`);
    await page.getByText('What this host sends cannot be shown here').waitFor();
    await hasAverage('cpu');
    await picture('unreadable');
    await own.stop();
    problems.length = 0;
  });

  it('says so while there is no server, and shows the host once there is', async () => {
    const own = await startMockServer({ hosts: 3 });
    await page.goto(`${own.url}#/hosts/${OTHER}`);
    await page.getByRole('heading', { name: OTHER }).waitFor();
    await own.stop();
    await page.evaluate((host) => (location.hash = `#/hosts/${host}`), FULL);
    await page.getByRole('heading', { name: 'Nothing to show yet' }).waitFor();
    const again = await startMockServer({ hosts: 3, port: Number(new URL(own.url).port) });
    await page.getByRole('heading', { name: FULL }).waitFor();
    await again.stop();
    problems.length = 0;
  });

  it('goes on live when history is off, fails or lags', async () => {
    const reply = async (status, error) => {
      expectedStatus = status;
      await page.unroute('**/history?*');
      await page.route('**/history?*', (route) => route.fulfill({ status, json: { error } }));
    };
    await reply(503, 'history is off');
    await open(FULL);
    await page.getByText('History is switched off on this server').waitFor();
    await hasAverage('cpu');
    await picture('no-history');
    await reply(500, 'the database is locked');
    await page.getByRole('button', { name: '1 h', exact: true }).click();
    await page.getByText('History gave no answer: the database is locked.').waitFor();
    await hasAverage('cpu');
    await page.unroute('**/history?*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('History gave no answer').waitFor({ state: 'detached' });
    server.fail('history');
    await page.getByText('History is behind (the disk is full)').waitFor();
    server.fail('none');
    await page.getByText('History is behind').waitFor({ state: 'detached' });
  });

  it('asks for what it missed while it was cut off', async () => {
    const own = await startMockServer({ hosts: 3 });
    let asked = 0;
    page.on('request', (request) => {
      if (request.url().includes('/history?')) asked += 1;
    });
    page.removeAllListeners('console');
    await page.goto(`${own.url}#/hosts/${FULL}?range=1h`);
    await hasAverage('temperatures-0');
    await own.stop();
    await page.locator('[data-freshness="unknown"]', { hasText: 'Last known' }).waitFor();
    const before = asked;
    const again = await startMockServer({ hosts: 3, port: Number(new URL(own.url).port) });
    await page.locator('[data-freshness="fresh"]').waitFor();
    while (asked === before) await page.waitForRequest('**/history?*');
    await again.stop();
  });

  it('fits every screen, in both themes', async () => {
    for (const [width, colorScheme] of [
      [360, 'dark'],
      [360, 'light'],
      [2560, 'dark'],
      [3840, 'light'],
    ]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      await open(FULL, '?range=24h');
      await hasAverage('temperatures-0');
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      assert.ok(overflow <= 0, `${overflow} pixels stick out at ${width}`);
      await picture(`${width}-${colorScheme}`);
    }
  });

  it('prints in light colours, charts included', async () => {
    await open(FULL, '?range=6h');
    await hasAverage('temperatures-0');
    const lightness = () =>
      chart('cpu')
        .locator('canvas')
        .evaluate((canvas) => {
          const { width, height } = canvas;
          const copy = new OffscreenCanvas(width, height).getContext('2d');
          copy.drawImage(canvas, 0, 0);
          const { data } = copy.getImageData(0, 0, width, height);
          let [sum, seen] = [0, 0];
          for (let i = 0; i < data.length; i += 4) {
            if ((data[i + 3] ?? 0) < 200) continue;
            sum += (data[i] ?? 0) + (data[i + 1] ?? 0) + (data[i + 2] ?? 0);
            seen += 3;
          }
          return sum / seen;
        });
    const light = await lightness();
    await page.emulateMedia({ colorScheme: 'dark' });
    // Drawn anew in one of the next frames.
    let dark = light;
    const untilMs = Date.now() + PATIENCE_MS;
    while (dark === light && Date.now() < untilMs) dark = await lightness();
    await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
    const paper = await lightness();
    assert.ok(
      Math.abs(paper - light) < Math.abs(paper - dark),
      `light ${light}, dark ${dark}, paper ${paper}`,
    );
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await page.setViewportSize({ width: 718, height: 1000 });
    await picture('paper');
    await page.evaluate(() => window.dispatchEvent(new Event('afterprint')));
    await page.emulateMedia({ media: 'screen' });
    await page.pdf({ path: `${SCREENSHOTS}/host.pdf`, format: 'A4' });
  });
});
