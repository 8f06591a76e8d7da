/** The page for everybody: by keyboard, for screen readers, in both themes, small and large. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { graveFindings } from './axe.mjs';
import { startAll, useStage } from './harness.mjs';

const HOSTS = 60;
const WIDTHS = { 360: 740, 1280: 800, 2560: 1440 };
const THEMES = ['light', 'dark'];

describe('the page for everybody', () => {
  const stage = useStage();
  let server;
  /** The address of each view, and what is there once it is whole. */
  let views;

  before(async () => {
    server = stage.keep(await startAll({ hosts: HOSTS }));
    const page = await stage.newPage();
    await page.goto(server.url);
    const host = await page.locator('[data-host]').first().getAttribute('data-host');
    await page.context().close();
    views = {
      table: { route: '#/', whole: '[data-host] canvas' },
      map: { route: '#/map', whole: '[role="listbox"] canvas' },
      host: { route: `#/hosts/${encodeURIComponent(host)}`, whole: '[data-chart] canvas' },
    };
  });

  for (const name of ['table', 'map', 'host']) {
    for (const theme of THEMES) {
      it(`keeps nobody out of the ${name} in the ${theme} theme`, async () => {
        const { route, whole } = views[name];
        const page = await stage.newPage({ theme });
        await page.goto(server.url + route);
        await page.locator(whole).first().waitFor();
        assert.deepEqual(await graveFindings(page), []);
        await page.context().close();
      });
    }

    it(`fits the ${name} on a telephone, a desk and a wall`, async () => {
      const { route, whole } = views[name];
      for (const theme of THEMES) {
        for (const [width, height] of Object.entries(WIDTHS)) {
          const page = await stage.newPage({ width: Number(width), height, theme });
          await page.goto(server.url + route);
          await page.locator(whole).first().waitFor();
          await sticksOutBy(page).then((pixels) => {
            assert.ok(pixels <= 0, `at ${width} px ${pixels} pixels stick out to the right`);
          });
          await stage.picture(`${name}-${width}-${theme}`, { page });
          await page.context().close();
        }
      }
    });
  }

  it('moves nothing for those who asked for stillness, and something for the others', async () => {
    const { page } = stage;
    await page.addInitScript(() => {
      globalThis.movements = [];
      const note = ({ type, target }) => globalThis.movements.push(`${type} of ${target.nodeName}`);
      document.addEventListener('transitionrun', note, true);
      document.addEventListener('animationstart', note, true);
    });
    /** What moves while the page is opened, fed and pointed at. */
    const movements = async (reducedMotion) => {
      await page.emulateMedia({ reducedMotion });
      const seen = [];
      for (const { route, whole } of Object.values(views)) {
        await page.goto(server.url + route);
        await page.reload();
        await page.locator(whole).first().waitFor();
        for (const button of await page.locator('main button:visible').all()) await button.hover();
        await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)));
        seen.push(...(await page.evaluate(() => globalThis.movements)));
      }
      return seen;
    };
    assert.notDeepEqual(await movements('no-preference'), []);
    assert.deepEqual(await movements('reduce'), []);
  });

  it('remembers the theme chosen', async () => {
    const { page } = stage;
    await page.goto(server.url);
    await page.getByRole('button', { name: 'Switch to the dark theme' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Switch to the light theme' }).waitFor();
  });
});

/** How far something reaches beyond the right edge of the window, in pixels. */
function sticksOutBy(page) {
  return page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
}
