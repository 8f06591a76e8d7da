/**
 * The page against the real program: `resources up` in one process, a browser in front of it.
 *
 * RESOURCES_BIN names the program (../target/debug/resources), CHROMIUM the browser. Pictures of
 * each step are left in screenshots/.
 */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchBrowser } from './browser.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const PROGRAM = process.env.RESOURCES_BIN ?? here('../../target/debug/resources');
const SCREENSHOTS = here('./screenshots');
const HOST = 'e2e-host';

/** Long, because it is only reached when something is wrong; a busy machine must not fail a test. */
const PATIENCE_MS = 30_000;

/** Thresholds no host can stay below, and thresholds hardly one can reach. */
const EVERYTHING_IS_HIGH = ['--cpu-medium', '0', '--cpu-high', '0'];
const HARDLY_ANYTHING_IS_HIGH = ['--cpu-medium', '100', '--cpu-high', '100'];

/** A running program; `stop` is as sudden as a power cut. */
async function startResources(listen, thresholds) {
  const child = spawn(
    PROGRAM,
    ['up', '--listen', listen, '--host', HOST, '--page-dir', here('../dist'), ...thresholds],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = new Promise((resolve) => child.once('close', resolve));
  let complaints = '';
  child.stderr.on('data', (data) => (complaints = (complaints + data).slice(-4_000)));

  const lines = createInterface({ input: child.stdout });
  const url = await new Promise((resolve, reject) => {
    const tooLate = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${PROGRAM} said no address in time; it said:\n${complaints}`));
    }, PATIENCE_MS);
    const settle = (act, value) => {
      clearTimeout(tooLate);
      act(value);
    };
    lines.on('line', (line) => {
      const address = /http:\/\/\S+/.exec(line)?.[0];
      if (address) settle(resolve, address);
    });
    child.once('error', (error) => settle(reject, error));
    child.once('exit', (code) => {
      settle(reject, new Error(`${PROGRAM} ended with ${code}; it said:\n${complaints}`));
    });
  });

  return {
    url,
    listen: new URL(url).host,
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

describe('the page', () => {
  let browser;
  let page;
  let server;
  /** Whether the server is away on purpose: attempts to reach it then fail, and may say so. */
  let outageIsPlanned;
  let problems;

  before(async () => {
    try {
      accessSync(PROGRAM, constants.X_OK);
    } catch {
      throw new Error(
        `${PROGRAM} is not there. Build it with "cargo build -p resources-cli", or set RESOURCES_BIN.`,
      );
    }
    mkdirSync(SCREENSHOTS, { recursive: true });
    browser = await launchBrowser();
  });

  after(async () => {
    await browser?.close();
  });

  beforeEach(async () => {
    problems = [];
    outageIsPlanned = false;
    page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return;
      const isOutage = /ERR_|WebSocket connection to .* failed/.test(message.text());
      if (!(outageIsPlanned && isOutage)) problems.push(`console: ${message.text()}`);
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
    await server?.stop();
    server = undefined;
  });

  const row = () => page.locator(`[data-host="${HOST}"]`);
  const cpu = () => row().locator('[data-cell="cpu"] .figure');
  const cpuAt = (level) => row().locator(`[data-cell="cpu"][data-level="${level}"]`);
  const picture = (name) => page.screenshot({ path: `${SCREENSHOTS}/${name}.png` });
  const sentence = (text) => page.getByRole('status').filter({ hasText: text });
  const noProblems = () => assert.deepEqual(problems, []);

  /** Resolves when the CPU of the host reads differently from now. */
  async function cpuChanges() {
    const selector = `[data-host="${HOST}"] [data-cell="cpu"] .figure`;
    const before = await cpu().textContent();
    await page.waitForFunction(
      ([selector, before]) => document.querySelector(selector)?.textContent !== before,
      [selector, before],
    );
  }

  it('shows this host, and its figures change by themselves', async () => {
    server = await startResources('127.0.0.1:0', EVERYTHING_IS_HIGH);
    await page.goto(server.url);
    await row().waitFor();
    assert.match((await cpu().textContent()) ?? '', /^\d+\.\d%$/);
    await row().locator('canvas').waitFor();
    await cpuChanges();
    await cpuChanges();
    await page.locator('[data-link="server"]', { hasText: 'connected' }).waitFor();
    await page.locator('[data-link="broker"] [data-mood="good"]').waitFor();
    await picture('host');
    noProblems();
  });

  it('follows the thresholds', async () => {
    server = await startResources('127.0.0.1:0', EVERYTHING_IS_HIGH);
    await page.goto(server.url);
    await cpuAt('HIGH').waitFor();
    await row().locator('[data-cell="level"]', { hasText: 'High' }).waitFor();
    await page.waitForFunction(() => document.title === '(1 HIGH) Resources');
    await picture('high');
    noProblems();

    outageIsPlanned = true;
    const { listen } = server;
    await server.stop();
    server = await startResources(listen, HARDLY_ANYTHING_IS_HIGH);
    await cpuAt('LOW').waitFor();
    await picture('low');
    noProblems();
  });

  it('says when the server is gone, keeps what it knew, and recovers by itself', async () => {
    server = await startResources('127.0.0.1:0', EVERYTHING_IS_HIGH);
    await page.goto(server.url);
    await cpuAt('HIGH').waitFor();
    noProblems();

    outageIsPlanned = true;
    const { listen } = server;
    await server.stop();
    await sentence('Connection to the server lost.').waitFor();
    await page.getByText(/Trying again in \d+ s…/).waitFor();
    await page.locator('[data-link="server"]', { hasText: 'not connected' }).waitFor();
    await page.locator('[data-link="broker"]', { hasText: 'unknown' }).waitFor();
    assert.equal(await row().count(), 1);
    await picture('lost');

    server = await startResources(listen, EVERYTHING_IS_HIGH);
    await sentence('Connection to the server lost.').waitFor({ state: 'detached' });
    await cpuChanges();
    outageIsPlanned = false;
    await cpuChanges();
    await picture('recovered');
    noProblems();
  });

  it('filters by name and level, and leads back', async () => {
    server = await startResources('127.0.0.1:0', EVERYTHING_IS_HIGH);
    await page.goto(server.url);
    await cpuAt('HIGH').waitFor();
    await page.getByLabel('Search hosts by name').fill('no such host');
    await page.getByRole('heading', { name: 'No host matches' }).waitFor();
    await picture('no-match');
    await page.getByRole('button', { name: 'Show all hosts' }).click();
    await row().waitFor();
    await page.getByRole('button', { name: /^Low/ }).click();
    await page.getByRole('heading', { name: 'No host matches' }).waitFor();
    await page.getByRole('button', { name: /^All/ }).click();
    await row().waitFor();
    noProblems();
  });

  it('remembers the theme chosen, and fits a telephone', async () => {
    server = await startResources('127.0.0.1:0', EVERYTHING_IS_HIGH);
    await page.setViewportSize({ width: 360, height: 740 });
    await page.goto(server.url);
    await cpuAt('HIGH').waitFor();
    await page.getByRole('button', { name: 'Switch to the dark theme' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Switch to the light theme' }).waitFor();
    await cpuAt('HIGH').waitFor();
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.ok(overflow <= 0, `something sticks out to the right by ${overflow} pixels`);
    await picture('telephone-dark');
    noProblems();
  });
});
