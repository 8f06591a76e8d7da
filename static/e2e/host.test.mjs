/** The page of one host, fed by this very machine. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { newestInstants, pixelsAt, shareOfLine } from './charts.mjs';
import { startAll, useStage } from './harness.mjs';

const HOST = 'e2e-host';
const INTERVAL_MS = 250;

/** What was sampled this long before or after the page was opened was not, or was, told live. */
const AFTER_MS = 1_000;

describe('the page of a host', () => {
  const stage = useStage();
  let server;

  before(async () => {
    const thresholds = ['--cpu-medium', '0', '--cpu-high', '0', '--processes-above', '0'];
    const args = ['--host', HOST, '--interval', `${INTERVAL_MS}ms`, ...thresholds];
    server = stage.keep(await startAll({ args }));
  });

  const chart = (id) => stage.page.locator(`[data-chart="${id}"]`);
  const hash = () => stage.page.evaluate(() => location.hash);
  const range = (name) => stage.page.getByRole('button', { name, exact: true });

  async function open(query = '', id = 'cpu') {
    await stage.page.goto(`${server.url}#/hosts/${HOST}${query}`);
    await chart(id).locator('canvas').waitFor();
  }

  /** Resolves once the chart of the CPU holds so many points. */
  const holds = (points) =>
    stage.until(async () => {
      const instants = await newestInstants(stage.page, 'cpu', points);
      return new Set(instants).size === points;
    });

  /** How many columns of a roll-up have samples, as any program may ask. */
  async function columnsInHistory() {
    const address = new URL(`api/v1/hosts/${HOST}/history`, server.url);
    const from = String(Date.now() - 300_000);
    address.search = new URLSearchParams({ resource: 'load_1m', points: '30', from }).toString();
    const answer = await fetch(address);
    if (!answer.ok) return 0;
    const [series] = (await answer.json()).series;
    return series.samples.filter((count) => count > 0).length;
  }

  it('draws what history knows, and goes on live with every sample', async () => {
    const { page } = stage;
    // Enough for the middle of a roll-up of 10 s to be in the past.
    await stage.until(async () => (await columnsInHistory()) >= 2);
    const openedMs = Date.now();
    await open('?range=5m');
    // Of before it was opened the page itself remembers nothing: only history knows of it.
    const plot = chart('cpu').locator('[data-plot]');
    await stage.until(async () => {
      await plot.focus();
      await plot.press('Home');
      const oldest = Number(await plot.getAttribute('aria-valuenow'));
      const [isDrawn] = await pixelsAt(page, 'cpu', [oldest]);
      return oldest < openedMs - AFTER_MS && isDrawn > 0;
    });
    // Each sample of after it comes live.
    let late;
    await stage.until(async () => {
      late = await newestInstants(page, 'cpu', 4);
      const distances = late.slice(1).map((instant, i) => late[i] - instant);
      return (
        late.at(-1) > openedMs + AFTER_MS &&
        distances.every((distance) => distance > 0 && distance <= 2 * INTERVAL_MS)
      );
    });
    await stage.until(async () => (await pixelsAt(page, 'cpu', late)).every((count) => count > 0));
    await stage.picture('host-live');
  });

  it('draws a line where each level begins, as the analyzer was told', async () => {
    const levels = { cpu: [35, 65], memory: [15, 90] };
    const args = Object.entries(levels).flatMap(([name, [medium, high]]) => [
      ...[`--${name}-medium`, String(medium), `--${name}-high`, String(high)],
    ]);
    const own = stage.use(await startAll({ args: ['--host', HOST, ...args] }));
    // Until then the answer is that there is no such host, which a console calls an error.
    const history = new URL(`api/v1/hosts/${HOST}/history?resource=cpu`, own.url);
    await stage.until(async () => (await fetch(history)).ok);
    await stage.page.goto(`${own.url}#/hosts/${HOST}`);
    for (const [id, [medium, high]] of Object.entries(levels)) {
      const shares = () =>
        Promise.all([
          shareOfLine(stage.page, id, '--medium', medium),
          shareOfLine(stage.page, id, '--high', high),
        ]);
      await chart(id).locator('canvas').waitFor();
      // Dashed: about every second pixel.
      await stage.until(async () => (await shares()).every((share) => share > 0.3));
      const between = (medium + high) / 2;
      for (const token of ['--medium', '--high']) {
        assert.equal(await shareOfLine(stage.page, id, token, between), 0, `${token} of ${id}`);
      }
    }
    await stage.picture('host-thresholds');
  });

  it('shows what the machine is and does', async () => {
    await open();
    const { page } = stage;
    await page.getByRole('heading', { name: HOST }).waitFor();
    await page.getByRole('status').filter({ hasText: 'Live' }).waitFor();
    for (const heading of ['CPU per core', 'Top processes', 'Disks', 'System', 'Tracking']) {
      await page.getByRole('heading', { name: heading }).first().waitFor();
    }
    await page.getByText('in step with the server').waitFor();
  });

  it('keeps the range in the address, through a reload and back', async () => {
    await open();
    await range('1 h').click();
    await stage.until(async () => (await hash()).includes('range=1h'));
    await range('2 y').click();
    await stage.until(async () => (await hash()).includes('range=2y'));
    await stage.page.reload();
    assert.equal(await range('2 y').getAttribute('aria-pressed'), 'true');
    await stage.page.goBack();
    await stage.until(async () => (await range('1 h').getAttribute('aria-pressed')) === 'true');
  });

  it('zooms to what is drawn with the pointer, in all charts, and back', async () => {
    await open('?range=5m');
    await holds(4);
    const box = await chart('cpu').locator('.u-over').boundingBox();
    const { mouse } = stage.page;
    const y = box.y + box.height / 2;
    await mouse.move(box.x + box.width * 0.4, y);
    await mouse.down();
    await mouse.move(box.x + box.width * 0.9, y, { steps: 5 });
    await mouse.up();
    await stage.until(async () => /from=\d+&to=\d+/.test(await hash()));
    const [, from, to] = /from=(\d+)&to=(\d+)/.exec(await hash());
    const length = Number(to) - Number(from);
    assert.ok(Math.abs(length - 150_000) < 5_000, `half of five minutes, not ${length} ms`);
    for (const id of ['cpu', 'load']) {
      const plot = chart(id).locator('[data-plot]');
      await stage.until(async () => (await plot.getAttribute('aria-valuemin')) === from);
    }
    await stage.picture('host-zoomed');
    await stage.page.keyboard.press('Escape');
    await stage.until(async () => (await hash()).includes('range=5m'));
  });

  it('says that nobody knows a host', async () => {
    // History has not heard of it either, which a browser reports.
    stage.expect(/status of 404/);
    await stage.page.goto(`${server.url}#/hosts/nobody`);
    await stage.page.getByRole('heading', { name: 'No host is called nobody' }).waitFor();
    await stage.page.getByRole('link', { name: 'Show all hosts' }).click();
    await stage.page.locator(`[data-host="${HOST}"]`).waitFor();
  });
});
