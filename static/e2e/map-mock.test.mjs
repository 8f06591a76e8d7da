/** The fleet map in a browser: pointing, keys, addresses and what is drawn. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { useStage } from './harness.mjs';
import { startMockServer } from './mock-server.mjs';
import { contrastOnWhite, readPaper } from './paper.mjs';

const HOSTS = 300;

describe('the fleet map', () => {
  const stage = useStage();
  let server;

  before(async () => {
    server = stage.keep(await startMockServer({ hosts: HOSTS }));
  });

  const cells = () => stage.page.locator('[role=listbox]');
  const focused = () => stage.page.locator('[role=option]');
  const tip = () => stage.page.locator('.tip .name');

  async function open(query = '') {
    await stage.page.goto(`${server.url}#/map${query}`);
    await focused().waitFor({ state: 'attached' });
  }

  /** Where the focused cell is, in pixels of the window. */
  async function place() {
    return focused().evaluate((element) => {
      const { x, y, width, height } = element.getBoundingClientRect();
      return { x: x + width / 2, y: y + height / 2 };
    });
  }

  const nameOfFocused = () => focused().evaluate((element) => element.id.replace('map-', ''));

  it('leads by keys from host to host and opens one', async () => {
    const { page } = stage;
    await open('?group=label:role');
    await cells().focus();
    const first = await nameOfFocused();
    await page.keyboard.press('ArrowRight');
    const second = await nameOfFocused();
    assert.notEqual(second, first);
    assert.equal(await tip().textContent(), second);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowUp');
    assert.equal(await nameOfFocused(), second);
    await page.keyboard.press('PageDown');
    const next = await nameOfFocused();
    assert.notEqual(next.split('-')[0], second.split('-')[0]);
    await page.waitForURL(`**selected=${next}`);

    await page.keyboard.press('Enter');
    await page.waitForURL(`**/#/hosts/${next}`);
    await page.goBack();
    await focused().waitFor({ state: 'attached' });
    assert.equal(await nameOfFocused(), next);
  });

  it('says each host in words, level included', async () => {
    await open();
    assert.match(
      await focused().getAttribute('aria-label'),
      /^\S+, (High|Medium|Low), .*CPU \d+\.\d%, Memory \d+\.\d%, .*Age /,
    );
    assert.equal(await focused().getAttribute('aria-setsize'), String(HOSTS));
  });

  it('has a real link under the pointer', async () => {
    const { page } = stage;
    await open('?selected=web-3.sin.example.com');
    const { x, y } = await place();
    await page.mouse.move(x, y);
    assert.equal(await tip().textContent(), 'web-3.sin.example.com');

    const [tab] = await Promise.all([
      page.context().waitForEvent('page'),
      page.mouse.click(x, y, { button: 'middle' }),
    ]);
    assert.match(tab.url(), /#\/hosts\/web-3\.sin\.example\.com$/);
    await tab.close();

    await page.mouse.click(x, y);
    await page.waitForURL('**/#/hosts/web-3.sin.example.com');
  });

  it('knows what was clicked, when people come back', async () => {
    const { page } = stage;
    await open('?selected=web-3.sin.example.com');
    const { x, y } = await place();
    await open();
    await page.mouse.move(x, y);
    await page.mouse.click(x, y);
    await page.waitForURL('**/#/hosts/web-3.sin.example.com');
    await page.goBack();
    await page.waitForURL('**/#/map?selected=web-3.sin.example.com');
  });

  it('shows only what the filter lets through, and says when nothing is left', async () => {
    const { page } = stage;
    await open('?q=label:role=web');
    assert.equal(await focused().getAttribute('aria-setsize'), '29');
    await page.getByRole('searchbox').fill('nobody');
    await page.getByRole('heading', { name: 'No host matches' }).waitFor();
    await page.getByRole('button', { name: 'Show all hosts' }).click();
    await focused().waitFor({ state: 'attached' });
    assert.equal(await focused().getAttribute('aria-setsize'), String(HOSTS));
  });

  it('groups by what is chosen, and keeps it in the address', async () => {
    const { page } = stage;
    await open();
    await page.getByLabel('Group by').selectOption('label:place');
    await page.getByRole('heading', { name: 'fra', exact: true }).waitFor();
    await page.waitForURL('**/#/map?group=label:place');
    await page.reload();
    await page.getByRole('heading', { name: 'fra', exact: true }).waitFor();
  });

  it('draws each cell in the colour of its level', async () => {
    const { page } = stage;
    await open('?q=level:high&group=level');
    await page.waitForFunction(() => {
      const canvas = document.querySelector('[role=listbox] canvas');
      const scale = canvas.width / canvas.clientWidth;
      const ring = document.querySelector('[role=option]').getBoundingClientRect();
      const { left, top } = canvas.getBoundingClientRect();
      const at = (value) => Math.round(value * scale) + 2;
      // A copy, as the browser minds one that is drawn on being read.
      const options = { willReadFrequently: true };
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', options);
      copy.drawImage(canvas, 0, 0);
      const pixel = copy.getImageData(at(ring.left - left), at(ring.top - top), 1, 1);
      const [red, green, blue] = pixel.data;
      return red > 150 && green < 110 && blue < 110;
    });
  });

  /** Red, green and blue of the map so far from a corner of the focused cell, right and down. */
  const pixelAt = (corner, across, down) =>
    stage.page.evaluate(
      ([corner, across, down]) => {
        const canvas = document.querySelector('[role=listbox] canvas');
        const scale = canvas.width / canvas.clientWidth;
        const { left, top } = canvas.getBoundingClientRect();
        const ring = document.querySelector('[role=option]').getBoundingClientRect();
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
        copy.drawImage(canvas, 0, 0);
        const x = Math.round((ring.right + across - left) * scale);
        const y = Math.round((ring[corner] + down - top) * scale);
        return [...copy.getImageData(x, y, 1, 1).data].slice(0, 3);
      },
      [corner, across, down],
    );
  const isInk = async (...place) => (await pixelAt(...place)).every((part) => part < 70);

  for (const [size, hosts, place] of [
    ['a cell', HOSTS, ['bottom', -3, -3]],
    // In the ground of the sign, beside it.
    ['a tile', 40, ['top', -13, 14]],
  ]) {
    it(`marks ${size} whose host has alerts, and no other`, async () => {
      const { page } = stage;
      const own = stage.use(await startMockServer({ hosts, alerts: 3 }));
      const alerted = own.alerts.all().active[2];
      for (const [host, isMarked] of [
        ['web-2.ams.example.com', false],
        [alerted.host, true],
      ]) {
        await page.goto(`${own.url}#/map?selected=${host}`);
        await page.locator(`[id="map-${host}"]`).waitFor({ state: 'attached' });
        await stage.until(async () => (await isInk(...place)) === isMarked);
      }
      own.alerts.clear(alerted.id);
      await stage.until(async () => !(await isInk(...place)));
    });
  }

  it('is printed light on white, whole, from the dark theme', async () => {
    const page = await stage.useNewPage({ theme: 'dark' });
    await open('?group=label:role');
    await page.waitForFunction(() => document.querySelector('[role=listbox] canvas').width > 0);
    const width = () => page.locator('[role=listbox] canvas').evaluate((canvas) => canvas.width);
    const onScreen = await width();
    await page.evaluate(() => {
      // After the page's own, which draws.
      window.addEventListener('beforeprint', () => {
        const canvas = document.querySelector('[role=listbox] canvas');
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d');
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        let [white, coloured] = [0, 0];
        for (let i = 0; i < data.length; i += 4) {
          const [least, most] = [Math.min, Math.max].map((of) => of(...data.subarray(i, i + 3)));
          if (least === 255) white += 1;
          else if (most - least > 20) coloured += 1;
        }
        const pixels = data.length / 4;
        globalThis.printed = {
          width: canvas.width,
          white: white / pixels,
          coloured: coloured / pixels,
        };
      });
    });
    const sheets = readPaper(await page.pdf({ format: 'A4' }));
    const printed = await page.evaluate(() => globalThis.printed);
    assert.equal(printed.width, 2 * 680);
    assert.ok(printed.white > 0.1, `${printed.white} of it is white`);
    assert.ok(printed.coloured > 0.1, `${printed.coloured} of it has a colour`);
    // A cell is a copy of how it looks: one for each host.
    const cells = sheets.reduce((sum, { pictures }) => sum + pictures, 0);
    assert.ok(cells >= HOSTS, `${cells} cells are on paper`);
    for (const { words, colour } of sheets.flatMap((sheet) => sheet.texts)) {
      assert.ok(contrastOnWhite(colour) >= 4.5, `${words} is too pale: ${colour}`);
    }
    await stage.until(async () => (await width()) === onScreen);
  });

  it('is crisp and whole on a telephone with three pixels for one', async () => {
    const touch = { deviceScaleFactor: 3, hasTouch: true, isMobile: true };
    const phone = await stage.newPage({ width: 360, height: 740, ...touch });
    await phone.goto(`${server.url}#/map?group=name`);
    await phone.locator('[role=option]').waitFor({ state: 'attached' });
    const sizes = await phone.evaluate(() => {
      const canvas = document.querySelector('[role=listbox] canvas');
      return { device: canvas.width, page: canvas.clientWidth, body: document.body.scrollWidth };
    });
    assert.ok(Math.abs(sizes.device - 3 * sizes.page) <= 3, JSON.stringify(sizes));
    assert.ok(sizes.body <= 360, JSON.stringify(sizes));

    const ring = await phone.locator('[role=option]').boundingBox();
    await phone.touchscreen.tap(ring.x + ring.width / 2, ring.y + ring.height / 2);
    const opens = phone.getByRole('link', { name: 'Open this host' });
    await opens.tap();
    await phone.waitForURL('**/#/hosts/**');
    await phone.context().close();
  });
});
