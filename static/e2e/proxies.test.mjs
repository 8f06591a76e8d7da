/** The page as the world gets it: through nginx and through Caddy, as `deploy/` sets them up. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { startAll, useStage } from './harness.mjs';
import { ANNA, installed, NAME, READ_TIMEOUT_MS, startProxy } from './proxies.mjs';

describe('the page behind a proxy', () => {
  const stage = useStage();
  let server;

  before(async () => {
    const args = ['--base-path', '/monitor', '--allowed-host', NAME];
    server = stage.keep(await startAll({ hosts: 10, args }));
  });

  const figures = () => {
    const cells = document.querySelectorAll('[data-cell="cpu"] .figure');
    return Array.from(cells, (cell) => cell.textContent).join(' ');
  };
  const latest = () => document.querySelector('[data-chart="cpu"] tbody td')?.textContent ?? '';

  for (const name of ['nginx', 'caddy']) {
    const skip = installed(name) === undefined && `there is no ${name} on this machine`;

    it(`is live through ${name}: page, socket and history`, { skip }, async () => {
      const proxy = stage.use(await startProxy(name, server.listen));
      const page = await stage.useNewPage({ httpCredentials: ANNA });
      // Chromium's remark on plain HTTP: the tests have no certificate that it trusts.
      stage.expect(/Cross-Origin-Opener-Policy header has been ignored/);
      const sockets = [];
      const paths = new Set();
      page.on('websocket', (socket) => sockets.push(socket));
      page.on('response', (response) => paths.add(new URL(response.url()).pathname));

      // Without the last slash, as people type it.
      await page.goto(proxy.url.replace(/\/$/, ''));
      await page.locator('[data-host] canvas').first().waitFor();
      const openedAt = performance.now();
      assert.equal(page.url().split('#')[0], proxy.url);
      await stage.changes(figures);
      await stage.picture(`proxy-${name}-table`);

      await page.getByRole('link', { name: 'Map', exact: true }).click();
      await page.locator('[role="listbox"] canvas').waitFor();

      // By its address and not by a click: the proxy is asked for the page anew.
      await page.goto(`${proxy.url}#/hosts/sim-0001?range=5m`);
      const answer = page.waitForResponse(/\/history\?/);
      await page.locator('[data-chart="cpu"] canvas').waitFor();
      assert.equal((await answer).status(), 200);
      await stage.until(async () => /\d/.test(await page.evaluate(latest)));
      await stage.changes(latest);
      await stage.picture(`proxy-${name}-host`);

      // The page has one socket all the time, which the proxy does not take for idle.
      await stage.until(() => performance.now() - openedAt > 2 * READ_TIMEOUT_MS);
      await stage.changes(latest);
      assert.deepEqual(
        sockets.map((socket) => [new URL(socket.url()).pathname, socket.isClosed()]),
        [['/monitor/ws', false]],
      );
      assert.deepEqual(
        [...paths].filter((path) => !path.startsWith('/monitor')),
        [],
      );
    });
  }
});
