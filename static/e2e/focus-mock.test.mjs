/** Where the focus and the address go when one view takes the place of another. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { useStage } from './harness.mjs';
import { startMockServer } from './mock-server.mjs';

describe('going from view to view', () => {
  const stage = useStage();
  let server;

  before(async () => {
    server = stage.keep(await startMockServer({ hosts: 20 }));
  });

  const open = (route) => stage.page.goto(`${server.url}#${route}`);
  const grid = () => stage.page.getByRole('grid', { name: 'Hosts' });
  const cells = () => stage.page.getByRole('listbox');
  const hash = () => stage.page.evaluate(() => decodeURIComponent(location.hash));
  const isFocused = (locator) => locator.evaluate((one) => one === document.activeElement);
  const getsFocus = (locator) => stage.until(() => isFocused(locator));
  const selected = () => stage.page.locator('[data-host][aria-selected="true"]');

  it('leads from the table to the heading of a host, and back to the table', async () => {
    const { page } = stage;
    await open('/?sort=name&order=ascending');
    await grid().focus();
    await page.keyboard.press('ArrowDown');
    await selected().waitFor();
    const host = await selected().getAttribute('data-host');
    await page.keyboard.press('Enter');
    await getsFocus(page.getByRole('heading', { name: host }));
    assert.match(await page.title(), new RegExp(`${host} · Resources$`));
    await page.goBack();
    await getsFocus(grid());
    assert.equal(await selected().getAttribute('data-host'), host);
    assert.doesNotMatch(await page.title(), /·/);
  });

  it('has the count of hosts read to who types, and not with every figure', async () => {
    const { page } = stage;
    await open('/?q=cpu>1');
    await page.locator('.listed[aria-live=off]').waitFor();
    // It is read aloud only for a moment, which a busy machine may miss.
    const seen = await page.evaluateHandle(() => {
      const listed = document.querySelector('.listed');
      const noted = [];
      new MutationObserver(() => noted.push(listed.ariaLive)).observe(listed, {
        attributeFilter: ['aria-live'],
      });
      return noted;
    });
    await page.getByRole('searchbox').fill('cpu>2');
    await stage.until(async () => (await seen.jsonValue()).join(' ') === 'polite off');
  });

  it('leads from the map to a host and back to the map', async () => {
    const { page } = stage;
    await open('/map');
    await cells().focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await getsFocus(page.locator('main h2').first());
    await page.goBack();
    await getsFocus(cells());
  });

  it('leaves the focus where it is when it was not lost', async () => {
    const { page } = stage;
    await open('/');
    await grid().waitFor();
    const link = page.getByRole('link', { name: 'Map' });
    await link.focus();
    await page.keyboard.press('Enter');
    await cells().waitFor();
    assert.ok(await isFocused(link));
  });

  it('takes no focus when the page is opened', async () => {
    await open('/');
    await stage.page.locator('[data-host] canvas').first().waitFor();
    assert.ok(await stage.page.evaluate(() => document.activeElement === document.body));
  });

  for (const view of ['table', 'map']) {
    it(`keeps the focus in the ${view} while the filter leaves nothing`, async () => {
      const { page } = stage;
      const list = view === 'table' ? grid() : cells();
      await open(view === 'table' ? '/' : '/map');
      await list.focus();
      await page.evaluate(() => {
        const input = document.querySelector('input[type="search"]');
        input.value = 'no-such-host';
        input.dispatchEvent(new Event('input', { bubbles: true }));
      });
      await page.getByRole('heading', { name: 'No host matches' }).waitFor();
      assert.ok(await isFocused(list));
      await stage.picture(`${view}-filtered-to-nothing`);
      await page.getByRole('button', { name: 'Show all hosts' }).click();
      await getsFocus(list);
    });
  }

  it('finds filter, order and grouping again when it comes back by a link', async () => {
    const { page } = stage;
    for (const state of ['/?q=web&sort=cpu', '/map?q=web&group=label:role']) {
      await open(state);
      await (state.startsWith('/map') ? cells() : grid()).focus();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: 'Back to the hosts' }).click();
      await stage.until(async () => (await hash()).startsWith(`#${state}&selected=web`));
    }
  });

  it('opens a host within a frame of the step that led to it', async () => {
    const { page } = stage;
    await open('/map?q=web');
    await cells().focus();
    await cells().evaluate((list) => {
      for (const key of ['ArrowDown', 'Enter']) {
        list.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
      }
    });
    await page.getByRole('link', { name: 'Back to the hosts' }).waitFor();
  });

  it('makes one step for the back button of many steps of the range', async () => {
    const { page } = stage;
    await open('/hosts/db-1.fra.example.com?range=1h');
    await page.getByRole('heading', { name: 'CPU', exact: true }).waitFor();
    const zoomOut = page.getByRole('button', { name: 'Zoom out' });
    const before = await page.evaluate(() => history.length);
    for (const range of ['6h', '24h', '7d']) {
      await zoomOut.click();
      await stage.until(async () => (await hash()).endsWith(`range=${range}`));
    }
    assert.equal(await page.evaluate(() => history.length), before + 1);
    await page.goBack();
    await stage.until(async () => (await hash()).endsWith('range=1h'));
  });

  it('says of each figure of a row what it is', async () => {
    await open('/?q=db-1.fra');
    const row = stage.page.getByRole('row').first();
    for (const name of ['CPU', 'Memory', 'Disk', 'Load', 'Net in', 'Age']) {
      await row.getByRole('gridcell', { name: new RegExp(`^${name} .*\\d`) }).waitFor();
    }
  });

  it('opens no host that the filter hides', async () => {
    const { page } = stage;
    await open('/?q=web&selected=db-1.fra.example.com');
    await page.locator('[data-host^="web"]').first().waitFor();
    await grid().focus();
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowDown');
    await selected().waitFor();
    assert.match(await selected().getAttribute('data-host'), /^web/);
    assert.match(await hash(), /^#\/\?/);
  });
});
