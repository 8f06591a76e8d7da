/** What history knows and the live view does not: long ago, rolled up, or told late. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Broker } from './broker.mjs';
import { newestInstants, pixelsAt, strengthsAt } from './charts.mjs';
import { sendMeasure, startAnalyzer, startSimulation, startWeb, useStage } from './harness.mjs';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const INTERVAL_MS = 1_000;

/** A sample this far behind a newer one counts as late. */
const LATE_MS = 2_000;

describe('history on the page of a host', () => {
  const stage = useStage();
  let broker;
  let web;

  before(async () => {
    broker = stage.keep(await Broker.start());
    web = stage.keep(await startWeb(broker.url));
    stage.keep(startAnalyzer(broker.url));
  });

  const chart = () => stage.page.locator('[data-chart="cpu"]');
  const open = async (host, query) => {
    await stage.page.goto(`${web.url}#/hosts/${host}?${query}`);
    await chart().locator('canvas').waitFor();
  };

  /** Resolves once history, asked as any program may ask, has so many samples of a host. */
  const isInHistory = (host, samples) =>
    stage.until(async () => {
      const address = `${web.url}api/v1/hosts/${host}/history?resource=cpu&points=1000&from=0`;
      const answer = await fetch(address);
      if (!answer.ok) return false;
      const [series] = (await answer.json()).series;
      return series.samples.reduce((sum, count) => sum + count, 0) === samples;
    });

  it('draws a line of averages in a band from the lowest to the highest, two years back', async () => {
    const { page } = stage;
    // In each of three hours one sample that is low, and one that is high.
    const firstMs = Math.floor((Date.now() - 700 * DAY_MS) / HOUR_MS) * HOUR_MS;
    const hours = [0, 1, 2].map((hour) => firstMs + hour * HOUR_MS);
    const figures = [20, 80];
    // First what it is now, as from a tracker that sends its backlog: its clock is right.
    await sendMeasure(broker.url, 'old-host', { timestamp_ms: Date.now(), cpu_percentage: 5 });
    await Promise.all(
      hours.flatMap((hourMs) =>
        figures.map((cpu, i) =>
          sendMeasure(broker.url, 'old-host', {
            timestamp_ms: hourMs + i * 60_000,
            cpu_percentage: cpu,
          }),
        ),
      ),
    );

    await isInHistory('old-host', 1 + hours.length * figures.length);

    const covers = async (percentages) => {
      const places = percentages.map((percentage) => ({ instantMs: hours[1], percentage }));
      return strengthsAt(page, 'cpu', '--line-1', places);
    };
    const isBand = (strength) => strength > 0.1 && strength < 0.4;
    await open('old-host', `from=${firstMs - 6 * HOUR_MS}&to=${firstMs + 8 * HOUR_MS}`);
    await stage.until(async () => {
      const [average, ...within] = await covers([50, 25, 35, 65, 75]);
      return average > 0.9 && within.every(isBand);
    });
    assert.deepEqual(await covers([8, 14, 86, 92]), [0, 0, 0, 0], 'the band ends');
    await stage.picture('history-band');
    const cells = await chart().locator('tbody td').allTextContents();
    assert.deepEqual(
      cells.map((cell) => cell.trim()),
      ['50.0%', '20.0%', '50.0%', '80.0%'],
    );

    // The same, seen in all there is: a point of its own in two years of nothing.
    await page.getByRole('button', { name: '2 y', exact: true }).click();
    await stage.until(() => new URL(page.url()).hash.endsWith('range=2y'));
    await stage.until(async () => {
      const months = [-20, 0, 100, 300].map((days) => firstMs + days * DAY_MS);
      const [before, then, ...after] = await pixelsAt(page, 'cpu', months);
      return then > 0 && [before, ...after].every((count) => count === 0);
    });
    const [fromMs, toMs] = await Promise.all(
      ['aria-valuemin', 'aria-valuemax'].map(async (name) =>
        Number(await chart().locator('[data-plot]').getAttribute(name)),
      ),
    );
    assert.equal(toMs - fromMs, 730 * DAY_MS);
    assert.ok(Math.abs(toMs - Date.now()) < DAY_MS, 'it ends now');
    await stage.picture('history-two-years');
  });

  it('fills a gap with samples that come late', async () => {
    const { page } = stage;
    const host = 'lone-0001';
    const startLone = () => startSimulation(broker.url, { hosts: 1, prefix: 'lone-' });
    const newest = (count) => newestInstants(page, 'cpu', count);
    const lone = stage.use(startLone());
    await open(host, 'range=5m');
    await stage.until(async () => new Set(await newest(4)).size === 4);
    await lone.stop();
    await page.locator('[data-freshness="silent"]').waitFor();
    const [last] = await newest(1);
    stage.use(startLone());
    let again;
    await stage.until(async () => {
      [again] = await newest(1);
      return again > last;
    });
    const gapMs = again - last;
    const inGap = [0.3, 0.4, 0.5, 0.6].map((share) => Math.round(last + share * gapMs));
    assert.ok(gapMs > 5 * INTERVAL_MS);
    assert.deepEqual(await pixelsAt(page, 'cpu', inGap), [0, 0, 0, 0]);
    await stage.picture('history-gap');
    // As a tracker that could not reach the broker, and can again.
    const late = [];
    for (let at = last + INTERVAL_MS; at < again - LATE_MS; at += INTERVAL_MS) late.push(at);
    await Promise.all(
      late.map((timestamp_ms) =>
        sendMeasure(broker.url, host, {
          timestamp_ms,
          interval_ms: INTERVAL_MS,
          cpu_percentage: 50,
        }),
      ),
    );
    // A roll-up stands in the middle of its 10 s.
    const filled = late.filter((at) => at > last + 6 * INTERVAL_MS && at < again - 6 * INTERVAL_MS);
    assert.notEqual(filled.length, 0);
    await stage.until(async () =>
      (await pixelsAt(page, 'cpu', filled)).every((count) => count > 0),
    );
    // And what was sampled before the link was up, where that took its time.
    await stage.until(async () => {
      const told = await page.getByText(/^\d+ samples$/).allTextContents();
      return told.some((text) => Number.parseInt(text, 10) >= late.length);
    });
    await stage.picture('history-filled');

    // In the fleet it is marked for as long as such samples come.
    await page.goto(`${web.url}#/`);
    const mark = page.locator(`[data-host="${host}"]`).getByText('back-filling', { exact: true });
    let sent = 0;
    await stage.until(async () => {
      const timestamp_ms = last - HOUR_MS + sent++;
      await sendMeasure(broker.url, host, { timestamp_ms, cpu_percentage: 50 });
      return mark.isVisible();
    });
    assert.match(await mark.getAttribute('title'), /^Samples taken while .*, \d+ so far\./);
    await stage.picture('history-back-filling');
    await mark.waitFor({ state: 'detached' });
  });
});
