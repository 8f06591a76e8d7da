/**
 * What every test of the page stands on: a browser, a page whose problems fail the test, and the
 * programs that were started, all of which end with the tests.
 *
 * A picture of how each test ended, and of whatever it asks for, is left in screenshots/.
 */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, afterEach, before, beforeEach } from 'node:test';
import { fileURLToPath } from 'node:url';
import { launchBrowser } from './browser.mjs';
import { PATIENCE_MS } from './programs.mjs';

export * from './programs.mjs';

const SCREENSHOTS = fileURLToPath(new URL('./screenshots', import.meta.url));

/** What a browser says when it cannot reach a server. */
export const UNREACHABLE = /ERR_|WebSocket connection to .* failed|NetworkError/;

/** How many times slower than it is each page takes this machine for: E2E_SLOWDOWN=4 finds races. */
const SLOWDOWN = Number(process.env.E2E_SLOWDOWN ?? 1);

export class Stage {
  browser;
  page;
  problems = [];
  /** What the browser may say in this test, because it is led into it on purpose. */
  #expected = [];
  #forAll = [];
  #forOne = [];

  /** Ends `program` with the last test of the file. */
  keep(program) {
    this.#forAll.push(program);
    return program;
  }

  /** Ends `program` with the test that started it. */
  use(program) {
    this.#forOne.push(program);
    return program;
  }

  async open() {
    mkdirSync(SCREENSHOTS, { recursive: true });
    this.browser = await launchBrowser();
  }

  async close() {
    await this.browser?.close();
    await stopAll(this.#forAll);
  }

  async begin() {
    this.problems = [];
    this.#expected = [];
    this.page = await this.newPage();
  }

  async end(name) {
    try {
      if (!this.page.isClosed()) await this.picture(`at-the-end/${fileName(name)}`);
      assert.deepEqual(this.problems, []);
    } finally {
      await this.page.context().close();
      await stopAll(this.#forOne);
    }
  }

  /** Lets the browser say what matches, for the rest of this test. */
  expect(pattern) {
    this.#expected.push(pattern);
  }

  /** Goes on with another page, in place of the one there is. */
  async useNewPage(options) {
    await this.page.context().close();
    this.page = await this.newPage(options);
    return this.page;
  }

  /**
   * A page of a browser that knows nothing yet. `others` are further options of its context. Closed
   * by whoever asked for it.
   */
  async newPage({ width = 1280, height = 800, theme = 'light', ...others } = {}) {
    const context = await this.browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      reducedMotion: 'no-preference',
      ...others,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    if (SLOWDOWN > 1) {
      const session = await context.newCDPSession(page);
      await session.send('Emulation.setCPUThrottlingRate', { rate: SLOWDOWN });
    }
    page.on('console', (message) => {
      if (!['error', 'warning'].includes(message.type())) return;
      if (this.#expected.some((pattern) => pattern.test(message.text()))) return;
      this.problems.push(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => this.problems.push(`uncaught: ${error}`));
    await page.exposeFunction('__violated', (what) => this.problems.push(`policy: ${what}`));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        globalThis.__violated(`${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    return page;
  }

  /** Saves what is seen, as a person with this page would see it. */
  async picture(name, { page = this.page, fullPage = false, ...unknown } = {}) {
    assert.deepEqual(unknown, {}, 'options that pictures do not have');
    await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage });
  }

  /** Resolves when `read`, called in the page with `argument`, gives something else than now. */
  async changes(read, argument) {
    const before = await this.page.evaluate(read, argument);
    await this.until(async () => (await this.page.evaluate(read, argument)) !== before);
  }

  /** Resolves when `condition` holds; looked at with every frame or so, in patience. */
  async until(condition) {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await condition())) {
      assert.ok(Date.now() < deadline, `not within ${PATIENCE_MS} ms: ${condition}`);
      await this.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
    }
  }
}

async function stopAll(programs) {
  await Promise.all(programs.splice(0).map((program) => program.stop()));
}

const fileName = (text) => text.replaceAll(/[^a-zA-Z0-9]+/g, '-').toLowerCase();

/** A stage for the tests of this `describe`: a new page for each, looked after for all of them. */
export function useStage() {
  const stage = new Stage();
  before(() => stage.open());
  after(() => stage.close());
  beforeEach(() => stage.begin());
  afterEach((test) => stage.end(test.name));
  return stage;
}
