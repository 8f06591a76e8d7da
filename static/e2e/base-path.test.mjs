/** The page under a path that is not its server's root, as behind a proxy beside other things. */

import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import { startAll, useStage } from './harness.mjs';

const BASE_PATH = '/monitor/';
const HOSTS = 10;

describe('the page under a base path', () => {
  const stage = useStage();
  let server;
  /** Every path the page asked for, its WebSocket's too. */
  let asked;

  before(async () => {
    const args = ['--base-path', '/monitor'];
    server = stage.keep(await startAll({ hosts: HOSTS, args }));
    assert.equal(new URL(server.url).pathname, BASE_PATH);
  });

  beforeEach(() => {
    asked = [];
    const note = (each) => asked.push(new URL(each.url()).pathname);
    stage.page.on('request', note);
    stage.page.on('websocket', note);
  });

  const link = (name) => stage.page.getByRole('link', { name, exact: true });
  const pathname = () => new URL(stage.page.url()).pathname;

  const figures = () => {
    const cells = document.querySelectorAll('[data-cell="cpu"] .figure');
    return Array.from(cells, (cell) => cell.textContent).join(' ');
  };
  const map = () => document.querySelector('[role="listbox"] canvas').toDataURL();
  const latest = () => document.querySelector('[data-chart="cpu"] tbody td')?.textContent ?? '';

  /** Nothing is asked for elsewhere, where a proxy would lead to another server. */
  function staysBelow() {
    const elsewhere = asked.filter((path) => !path.startsWith(BASE_PATH));
    assert.deepEqual(elsewhere, []);
    assert.ok(asked.includes(`${BASE_PATH}ws`), asked.join(' '));
    assert.equal(pathname(), BASE_PATH);
  }

  it('shows table, map and a host, each of them live', async () => {
    const { page } = stage;
    await page.goto(server.url);
    await page.locator('[data-host] canvas').first().waitFor();
    await stage.changes(figures);
    await stage.picture('base-path-table');

    await link('Map').click();
    await page.locator('[role="listbox"] canvas').waitFor();
    await stage.changes(map);

    await link('Table').click();
    const host = await page.locator('[data-host]').first().getAttribute('data-host');
    await page.goto(`${server.url}#/hosts/${encodeURIComponent(host)}`);
    await page.locator('[data-chart="cpu"] canvas').waitFor();
    await stage.changes(latest);
    await stage.picture('base-path-host');
    // History is asked for by other requests than the live view.
    const history = asked.filter((path) => path.startsWith(`${BASE_PATH}api/v1/`));
    assert.notEqual(history.length, 0, asked.join(' '));
    staysBelow();
  });

  it('is led there from the path without its last slash, and from the root', async () => {
    for (const from of ['/monitor', '/']) {
      await stage.page.goto(new URL(from, server.url).href);
      await stage.page.locator('[data-host] canvas').first().waitFor();
      assert.equal(pathname(), BASE_PATH, from);
    }
  });

  it('opens a host by its address, and after a reload', async () => {
    const { page } = stage;
    await page.goto(`${server.url}#/hosts/sim-0001?range=5m`);
    await page.locator('[data-chart="cpu"] canvas').waitFor();
    await page.reload();
    await page.locator('[data-chart="cpu"] canvas').waitFor();
    await stage.changes(latest);
    staysBelow();
  });
});
