/** The fleet as a map, fed by simulated hosts. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { startAll, useStage } from './harness.mjs';

const SIMULATED = 10;
/** And the machine the programs run on. */
const FEW = SIMULATED + 1;
const MANY = 1_000;

describe('the map', () => {
  const stage = useStage();
  let server;

  before(async () => {
    server = stage.keep(await startAll({ hosts: SIMULATED }));
  });

  const cells = () => stage.page.getByRole('listbox', { name: 'Map of hosts' });
  const focused = () => cells().locator('[role="option"]');
  const tooltip = () => stage.page.locator('.tip');
  const groups = () => stage.page.locator('.frame h2');
  const hash = () => stage.page.evaluate(() => decodeURIComponent(location.hash));

  async function open(query = '', url = server.url) {
    await stage.page.goto(`${url}#/map${query}`);
    await cells().waitFor();
    await stage.until(async () => (await colours()) > 2);
  }

  /** How many colours there are on the map: none before anything is drawn. */
  function colours() {
    return stage.page.evaluate(() => {
      const canvas = document.querySelector('[role="listbox"] canvas');
      if (canvas.width === 0 || canvas.height === 0) return 0;
      const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', {
        willReadFrequently: true,
      });
      copy.drawImage(canvas, 0, 0);
      const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    });
  }

  /** What the map looks like, to tell one moment from another. */
  const look = () => document.querySelector('[role="listbox"] canvas').toDataURL();

  const nameOfFocused = async () => (await focused().getAttribute('id')).replace(/^map-/, '');

  it('has a cell for each host, and changes by itself', async () => {
    await open();
    await stage.until(async () => (await focused().getAttribute('aria-setsize')) === String(FEW));
    await stage.changes(look);
    await stage.changes(look);
    await stage.picture('map-few');
  });

  it('is led by keys, and opens what has the focus', async () => {
    await open();
    const { page } = stage;
    await cells().focus();
    await page.keyboard.press('Home');
    const first = await nameOfFocused();
    await page.keyboard.press('ArrowRight');
    await stage.until(async () => (await nameOfFocused()) !== first);
    const second = await nameOfFocused();
    await tooltip().getByText(second).waitFor();
    await stage.until(async () => (await hash()).includes(`selected=${second}`));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: second }).waitFor();
    await page.goBack();
    await cells().waitFor();
    await stage.until(async () => (await nameOfFocused()) === second);
  });

  it('tells what is under the pointer, and a click opens it', async () => {
    await open();
    const { page } = stage;
    const box = await cells().boundingBox();
    await page.mouse.move(box.x + 12, box.y + 12);
    await tooltip().waitFor();
    const host = await tooltip().locator('.name').textContent();
    await stage.picture('map-tooltip');
    await page.mouse.click(box.x + 12, box.y + 12);
    await page.getByRole('heading', { name: host }).waitFor();
    assert.ok((await hash()).includes(`/hosts/${host}`));
  });

  it('groups, and keeps it in the address', async () => {
    await open();
    const { page } = stage;
    const choice = page.getByLabel('Group by');
    await choice.selectOption('level');
    await groups()
      .filter({ hasText: /High|Medium|Low/ })
      .first()
      .waitFor();
    assert.match(await hash(), /group=level/);
    await choice.selectOption('name');
    await groups().filter({ hasText: '*' }).first().waitFor();
    await stage.picture('map-groups');
    await page.reload();
    await groups().filter({ hasText: '*' }).first().waitFor();
    await page.goBack();
    await groups()
      .filter({ hasText: /High|Medium|Low/ })
      .first()
      .waitFor();
  });

  it('shows what the filter lets through', async () => {
    await open();
    await stage.page.getByRole('searchbox', { name: 'Filter hosts' }).fill('no-such-host');
    await stage.page.getByRole('heading', { name: 'No host matches' }).waitFor();
    await stage.page.getByRole('button', { name: 'Show all hosts' }).click();
    await stage.until(async () => (await focused().getAttribute('aria-setsize')) === String(FEW));
  });

  it('shows a thousand hosts at once', async () => {
    const large = stage.use(await startAll({ hosts: MANY - 1 }));
    await open('', large.url);
    await stage.until(async () => (await focused().getAttribute('aria-setsize')) === String(MANY));
    await stage.changes(look);
    await stage.picture('map-many');
  });
});
