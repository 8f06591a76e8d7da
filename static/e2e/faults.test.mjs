/**
 * Everything that can break on the way from a host to the page: each fault has a sentence of its
 * own, which goes away again once it is repaired.
 */

import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import { Broker } from './broker.mjs';
import { newestInstants, pixelsAt } from './charts.mjs';
import { startAnalyzer, startSimulation, startWeb, UNREACHABLE, useStage } from './harness.mjs';
import { Relay } from './relay.mjs';

const LONE_HOST = 'lone-0001';

const INTERVAL_MS = 1_000;

/** From when on a host is late. */
const AWAY_MS = 3 * INTERVAL_MS;

/** What the page says of each fault. */
const SENTENCES = {
  offline: 'This browser is offline.',
  nothingHeard: 'Nothing is heard from the server.',
  serverSilent: 'The server has fallen silent.',
  serverAway: 'Connection to the server lost.',
  brokerAway: 'The server has lost its link to the broker.',
  alarm: 'The broker is short of memory or disk and holds back what is published.',
  idle: 'No tracker is sending.',
  noAnalyzer: /No analyzer is running, and \d+ measures? waits? for one\./,
  stalled: /The analyzer has stalled: \d+ measures? waits?, and none is analysed\./,
  late: /\d+ hosts? (is|are) late/,
  silent: /\d+ hosts? (is|are) silent/,
};

describe('the page in trouble', () => {
  const stage = useStage();
  let broker;
  let web;
  let analyzer;
  let fleet;
  let lone;

  const startFleet = () => startSimulation(broker.url, { hosts: 10 });
  const startLone = () => startSimulation(broker.url, { hosts: 1, prefix: 'lone-' });

  before(async () => {
    broker = stage.keep(await Broker.start());
    web = stage.keep(await startWeb(broker.url));
    analyzer = stage.keep(startAnalyzer(broker.url));
    fleet = stage.keep(startFleet());
    lone = stage.keep(startLone());
  });

  beforeEach(async () => {
    await stage.page.goto(web.url);
    await allIsWell();
  });

  const sentence = (text) => stage.page.getByRole('status').filter({ hasText: text });
  const appears = (text) => sentence(text).first().waitFor();
  const row = (host) => stage.page.locator(`[data-host="${host}"]`);

  const figures = () => {
    const cells = document.querySelectorAll('[data-cell="cpu"] .figure');
    return Array.from(cells, (cell) => cell.textContent).join(' ');
  };

  /** No sentence is there, and figures change. */
  async function allIsWell() {
    for (const text of Object.values(SENTENCES)) {
      await stage.until(async () => (await sentence(text).count()) === 0);
    }
    await stage.changes(figures);
  }

  it('says when this browser is offline', async () => {
    stage.expect(UNREACHABLE);
    await stage.page.context().setOffline(true);
    await appears(SENTENCES.offline);
    await stage.picture('fault-offline');
    await stage.page.context().setOffline(false);
    await allIsWell();
  });

  it('says when the web server is away, and keeps what it knew', async () => {
    stage.expect(UNREACHABLE);
    await web.stop();
    await appears(SENTENCES.serverAway);
    assert.equal(await row(LONE_HOST).count(), 1);
    await stage.picture('fault-server');
    web = stage.keep(await startWeb(broker.url, { listen: web.listen }));
    await allIsWell();
  });

  it('says when nothing is heard any more, though no connection was closed', async () => {
    const { page } = stage;
    stage.expect(UNREACHABLE);
    const relay = stage.use(await Relay.start(web.url));
    await page.goto(relay.url);
    await allIsWell();
    relay.cut();
    await appears(SENTENCES.nothingHeard);
    // What is silent is the way, of which no host knows.
    await page.getByText('Figures below are the last known.').waitFor();
    assert.equal(await sentence(SENTENCES.late).count(), 0);
    await stage.picture('fault-nothing-heard');
    await appears(SENTENCES.serverSilent);
    assert.equal(await row(LONE_HOST).count(), 1);
    await stage.picture('fault-server-silent');
    relay.mend();
    await allIsWell();
  });

  it('says when the broker is away', async () => {
    broker.settle();
    broker.kill();
    await appears(SENTENCES.brokerAway);
    await stage.picture('fault-broker');
    await broker.startAgain();
    await allIsWell();
  });

  it('says when the broker accepts nothing, of which only who publishes is told', async () => {
    broker.control('set_vm_memory_high_watermark', '0.00001');
    await appears(SENTENCES.alarm);
    await stage.page.getByText('Figures below are the last known.').waitFor();
    await stage.page.locator('[data-link="broker"]').getByText('blocked').waitFor();
    // What is silent is the broker, and no host.
    const { idle, late, silent } = SENTENCES;
    for (const text of [idle, late, silent]) assert.equal(await sentence(text).count(), 0);
    await stage.picture('fault-alarm');
    broker.control('set_vm_memory_high_watermark', '0.8');
    await allIsWell();
  });

  it('says why when the broker refuses a server that was connected', async () => {
    const { page } = stage;
    broker.control('add_user', 'page', 'secret');
    broker.control('set_permissions', 'page', '.*', '.*', '.*');
    const other = stage.use(await startWeb(broker.urlOf('page', 'secret')));
    await page.goto(other.url);
    await allIsWell();
    broker.control('change_password', 'page', 'another');
    broker.control('close_all_user_connections', 'page', 'maintenance');
    await appears(SENTENCES.brokerAway);
    await page.getByText('Reason: ACCESS_REFUSED').waitFor();
    await stage.picture('fault-refused');
  });

  it('says when measures wait and nobody analyses them', async () => {
    await analyzer.stop();
    await appears(SENTENCES.noAnalyzer);
    await stage.picture('fault-no-analyzer');
    analyzer = stage.keep(startAnalyzer(broker.url));
    await allIsWell();
  });

  it('says when an analyzer takes measures and does nothing with them', async () => {
    // It goes on taking what comes, so that none is seen to wait in the queue.
    analyzer.freeze();
    await appears(SENTENCES.stalled);
    await stage.picture('fault-stalled');
    analyzer.thaw();
    await allIsWell();
  });

  it('says when one host is late, and later that it is silent', async () => {
    await lone.stop();
    await appears(SENTENCES.late);
    await row(LONE_HOST).getByText('late').waitFor();
    await stage.picture('fault-late');
    await appears(SENTENCES.silent);
    await row(LONE_HOST).getByText('silent').waitFor();
    await stage.picture('fault-silent');
    lone = stage.keep(startLone());
    await allIsWell();
  });

  it('says when no tracker is sending', async () => {
    await Promise.all([fleet.stop(), lone.stop()]);
    await appears(SENTENCES.idle);
    await stage.page.locator('[data-link="analyzer"]').waitFor({ state: 'detached' });
    await stage.picture('fault-idle');
    fleet = stage.keep(startFleet());
    lone = stage.keep(startLone());
    await allIsWell();
  });

  it('leaves a gap in the chart where a host was away, live and from history', async () => {
    const { page } = stage;
    const chart = page.locator('[data-chart="cpu"] canvas');
    const freshness = (state) => page.locator(`[data-freshness="${state}"]`).waitFor();
    await page.goto(`${web.url}#/hosts/${LONE_HOST}?range=5m`);
    await chart.waitFor();
    const newest = (count) => newestInstants(page, 'cpu', count);
    const areTogether = (instants) =>
      instants.every((each, i) => i === 0 || isNext(instants[i - 1] - each));
    const isNext = (distance) => distance > 0 && distance < 1.5 * INTERVAL_MS;
    // Of this run: what was before it may be there, too.
    await stage.until(async () => areTogether(await newest(4)));
    await lone.stop();
    await freshness('late');
    // Nothing comes any more: the last that did.
    const [last, before] = await newest(2);
    lone = stage.keep(startLone());
    let after;
    await stage.until(async () => {
      after = await newest(3);
      return after[2] >= last + AWAY_MS && areTogether(after);
    });
    const isDrawn = async () => {
      const [drawn, gone, again] = await pixelsAt(page, 'cpu', [
        before,
        (last + after[2]) / 2,
        after[1],
      ]);
      return drawn > 0 && gone === 0 && again > 0;
    };
    await stage.until(isDrawn);
    await stage.picture('host-gap-live');

    await page.goto(
      `${web.url}#/hosts/${LONE_HOST}?from=${before - INTERVAL_MS}&to=${after[0] + AWAY_MS}`,
    );
    await page.reload();
    await chart.waitFor();
    await stage.until(isDrawn);
    await stage.picture('host-gap-history');
  });
});
