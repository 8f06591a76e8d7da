/**
 * Everything that can break on the way from a host to the page: each fault has a sentence of its
 * own, which goes away again once it is repaired.
 */

import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import { Broker } from './broker.mjs';
import {
  sendMeasure,
  startAnalyzer,
  startSimulation,
  startWeb,
  useStage,
} from './harness.mjs';

const LONE_HOST = 'lone-0001';

/** What the page says of each fault. */
const SENTENCES = {
  offline: /This browser is offline/,
  serverLost: /Connection to the server lost/,
  brokerLost: /The server has lost its link to the broker/,
  noAnalyzer: /analyzer/,
  stalled: /analyzer/,
  idle: /tracker/,
};

describe('the page in trouble', () => {
  const stage = useStage();
  let broker;
  let web;
  let analyzer;
  let fleet;
  let lone;

  const startLone = () => startSimulation(broker.url, { hosts: 1, prefix: 'lone-' });

  before(async () => {
    broker = stage.keep(await Broker.start());
    web = stage.keep(await startWeb(broker.url));
    analyzer = stage.keep(startAnalyzer(broker.url));
    fleet = stage.keep(startSimulation(broker.url, { hosts: 10 }));
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
    stage.outageIsPlanned = true;
    await stage.page.context().setOffline(true);
    await appears(SENTENCES.offline);
    await stage.picture('fault-offline');
    await stage.page.context().setOffline(false);
    await allIsWell();
  });

  it('says when the web server is away, and keeps what it knew', async () => {
    stage.outageIsPlanned = true;
    await web.stop();
    await appears(SENTENCES.serverLost);
    assert.equal(await row(LONE_HOST).count(), 1);
    await stage.picture('fault-server');
    web = stage.keep(await startWeb(broker.url, { listen: web.listen }));
    await allIsWell();
  });

  it('says when the broker is away', async () => {
    broker.settle();
    broker.kill();
    await appears(SENTENCES.brokerLost);
    await stage.picture('fault-broker');
    await broker.startAgain();
    await allIsWell();
  });

  it('says when measures wait and nobody analyses them', async () => {
    await analyzer.stop();
    await appears(SENTENCES.noAnalyzer);
    await stage.picture('fault-no-analyzer');
    analyzer = stage.keep(startAnalyzer(broker.url));
    await allIsWell();
  });

  it('says when no tracker sends', async () => {
    await Promise.all([fleet.stop(), lone.stop()]);
    await appears(SENTENCES.idle);
    await stage.picture('fault-idle');
    fleet = stage.keep(startSimulation(broker.url, { hosts: 10 }));
    lone = stage.keep(startLone());
    await allIsWell();
  });

  it('says when one host is late, and later that it is silent', async () => {
    await lone.stop();
    await row(LONE_HOST).getByText('late').waitFor();
    await stage.picture('fault-late');
    await row(LONE_HOST).getByText('silent').waitFor();
    await stage.picture('fault-silent');
    lone = stage.keep(startLone());
    await row(LONE_HOST).getByText('silent').waitFor({ state: 'detached' });
    await row(LONE_HOST).getByText('late').waitFor({ state: 'detached' });
  });
});

void sendMeasure;
