/**
 * The page of one host, in a browser, against the mock server: every way to look at a stretch of
 * time, and every way in which something can be missing. Pictures are left in screenshots/.
 */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { strengthsAt } from './charts.mjs';
import { UNREACHABLE, useStage } from './harness.mjs';
import { startMockServer } from './mock-server.mjs';
import { contrastOnWhite, readPaper } from './paper.mjs';

/** Hosts of the mock server: one that sends all, its CPU alone, and nothing any more. */
const FULL = 'db-1.fra.example.com';
const OTHER = 'web-1.fra.example.com';
const TERSE = 'api-2.ams.example.com';
const SILENT = 'cache-2.ams.example.com';

/** Red, green and blue of a chart's first line in the light theme, which is that of paper. */
const LINE_ON_PAPER = [0x1f, 0x6f, 0xb2];

describe('the page of a host', () => {
  const stage = useStage();
  let server;

  before(async () => {
    server = stage.keep(await startMockServer({ hosts: 20 }));
  });

  const open = async (host, query = '') => {
    await stage.page.goto(`${server.url}#/hosts/${encodeURIComponent(host)}${query}`);
  };
  const chart = (id) => stage.page.locator(`[data-chart="${id}"]`);
  const plot = (id) => chart(id).getByRole('slider');
  const drawn = (id) => chart(id).locator('canvas').waitFor();
  /** Waits for figures and for the picture of them. */
  const hasAverage = async (id) => {
    await drawn(id);
    await chart(id).locator('tbody tr').first().getByText(/\d/).nth(2).waitFor();
  };
  const query = () => new URLSearchParams(new URL(stage.page.url()).hash.split('?')[1]);
  const queryBecomes = (test) => stage.page.waitForFunction(test);
  const picture = (name) => stage.picture(`host-mock-${name}`, { fullPage: true });
  const pressed = () => stage.page.locator('[aria-pressed="true"]').textContent();

  it('shows what it sends, how it is and how it was', async () => {
    const { page } = stage;
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
    const { page } = stage;
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
    const { page } = stage;
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
    const { page } = stage;
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
    const { page } = stage;
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
    const { page } = stage;
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
    // Nothing is answered before all was asked for, however long that takes.
    let answer;
    const allAsked = new Promise((resolve) => (answer = resolve));
    await page.route('**/history?*', async (route) => {
      await allAsked;
      await route.continue().catch(() => {});
    });
    await open(FULL, '?range=1h');
    await plot('cpu').waitFor();
    for (const name of ['7 d', '30 d', '1 y', '6 h']) {
      await page.getByRole('button', { name, exact: true }).click();
    }
    answer();
    await hasAverage('temperatures-0');
    const { most, takenBack } = await page.evaluate(() => globalThis.asked);
    assert.ok(most <= 3, `${most} at once`);
    assert.ok(takenBack > 0, 'none was taken back');
  });

  it('says what is missing: an unknown host, a terse one, a silent one', async () => {
    const { page } = stage;
    stage.expect(/status of 404/);
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
    const { page } = stage;
    const own = stage.use(await startMockServer({ hosts: 3 }));
    // The page tells whoever looks at its console what is wrong.
    stage.expect(/cpu_percentage/);
    own.garble();
    await page.goto(`${own.url}#/hosts/${FULL}?range=1h`);
    await page.getByText('What this host sends cannot be shown here').waitFor();
    await hasAverage('cpu');
    await picture('unreadable');
  });

  it('says so while there is no server, and shows the host once there is', async () => {
    const { page } = stage;
    const own = stage.use(await startMockServer({ hosts: 3 }));
    await page.goto(`${own.url}#/hosts/${OTHER}`);
    await page.getByRole('heading', { name: OTHER }).waitFor();
    stage.expect(UNREACHABLE);
    await own.stop();
    await page.evaluate((host) => (location.hash = `#/hosts/${host}`), FULL);
    await page.getByRole('heading', { name: 'Nothing to show yet' }).waitFor();
    const port = Number(new URL(own.url).port);
    stage.use(await startMockServer({ hosts: 3, port }));
    await page.getByRole('heading', { name: FULL }).waitFor();
  });

  it('goes on live when history is off, fails or lags', async () => {
    const { page } = stage;
    const reply = async (status, error) => {
      stage.expect(new RegExp(`status of ${status}`));
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
    const { page } = stage;
    const own = stage.use(await startMockServer({ hosts: 3 }));
    let asked = 0;
    page.on('request', (request) => {
      if (request.url().includes('/history?')) asked += 1;
    });
    stage.expect(UNREACHABLE);
    await page.goto(`${own.url}#/hosts/${FULL}?range=1h`);
    await hasAverage('temperatures-0');
    await own.stop();
    await page.locator('[data-freshness="unknown"]', { hasText: 'Last known' }).waitFor();
    const before = asked;
    const port = Number(new URL(own.url).port);
    stage.use(await startMockServer({ hosts: 3, port }));
    await page.locator('[data-freshness="fresh"]').waitFor();
    while (asked === before) await page.waitForRequest('**/history?*');
  });

  it('fits every screen, in both themes', async () => {
    const { page } = stage;
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

  it('calls nothing the extremes of several interfaces together, but tells those of each', async () => {
    await open('edge-1.fra.example.com', '?range=6h');
    await drawn('network');
    const figures = (id) => chart(id).locator('tbody tr').first().locator('td').allTextContents();
    await stage.until(async () => (await figures('network'))[1] === 'n/a');
    const [, , average, maximum] = await figures('network');
    assert.match(average, /\d/);
    assert.equal(maximum, 'n/a');
    await stage.page.getByText('Each of the 2 interfaces').click();
    await hasAverage('network-eth1');
    const [, least, , most] = await figures('network-eth1');
    assert.match(least, /\d/);
    assert.match(most, /\d/);
    await picture('several');
  });

  it('prints the alerts of each chart in words', async () => {
    const { page } = stage;
    const own = stage.use(await startMockServer({ hosts: 20, alerts: 12 }));
    await page.goto(`${own.url}#/hosts/${OTHER}?range=6h`);
    await page.locator('[data-chart="cpu"] [data-mark]').first().waitFor();
    const sheets = readPaper(await page.pdf({ format: 'A4' }));
    const written = sheets.flatMap(({ texts }) => texts.map(({ words }) => words.trim()));
    assert.ok(
      written.some((words) => words.startsWith('CPU at 96%, ')),
      written.join(', '),
    );
    // Nothing on paper can be pressed.
    assert.ok(!written.includes('Acknowledge'), written.join(', '));
  });

  for (const theme of ['light', 'dark']) {
    it(`prints every chart whole and legible, light on paper, from the ${theme} theme`, async () => {
      const page = await stage.useNewPage({ theme });
      await open(FULL, '?range=6h');
      await hasAverage('temperatures-0');
      const headings = await page.locator('[data-chart] h3').allTextContents();
      const isOnScreen = async () => {
        const places = [0.2, 0.35, 0.5, 0.65, 0.8].map((share) => ({ share }));
        const strengths = await strengthsAt(page, 'cpu', '--line-1', places);
        return strengths.filter((strength) => strength > 0.9).length >= 3;
      };
      await stage.until(isOnScreen);
      const width = () =>
        chart('cpu')
          .locator('canvas')
          .evaluate((canvas) => canvas.width);
      const before = await width();
      const sheets = readPaper(await page.pdf({ format: 'A4' }));

      const texts = sheets.flatMap((sheet) => sheet.texts);
      const written = texts.map(({ words }) => words.trim());
      for (const heading of headings) assert.ok(written.includes(heading), heading);
      for (const words of [FULL, 'medium 25%', 'high 75%', '100%', 'Swap high 80%', 'postgres']) {
        assert.ok(written.includes(words), `${words} is not among ${written.join(', ')}`);
      }
      for (const { words, colour, size } of texts) {
        assert.ok(contrastOnWhite(colour) >= 4.5, `${words} is too pale: ${colour}`);
        assert.ok(size >= 7, `${words} is only ${size} points high`);
      }

      // A chart is drawn for paper, as lines in the colours of paper; not copied from the screen.
      assert.equal(
        sheets.reduce((sum, { pictures }) => sum + pictures, 0),
        0,
        'pixels',
      );
      const isFirstLine = ({ colour }) =>
        colour.every((part, i) => Math.abs(part * 255 - LINE_ON_PAPER[i]) < 2);
      const drawn = sheets.flatMap((sheet) =>
        sheet.lines.filter(isFirstLine).map((line) => ({ ...line, sheet })),
      );
      const wide = drawn.filter(({ left, right, sheet }) => right - left > sheet.width / 2);
      assert.equal(wide.length, headings.length, 'a line over most of the sheet for each chart');
      for (const { left, right, bottom, top, sheet } of wide) {
        assert.ok(left >= 0 && right <= sheet.width, `from ${left} to ${right}`);
        assert.ok(bottom >= 0 && top <= sheet.height, `from ${bottom} to ${top}`);
      }

      // Then the screen is as it was, in its own colours.
      await stage.until(async () => (await isOnScreen()) && (await width()) === before);
      await picture(`printed-${theme}`);
    });
  }
});
