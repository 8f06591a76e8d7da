/** The fleet as a table, fed by simulated hosts and, where thresholds decide, by this machine. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { startAll, useStage } from './harness.mjs';

const SIMULATED = 10;
/** And the machine the programs run on. */
const FEW = SIMULATED + 1;
const MANY = 1_000;

describe('the table', () => {
  const stage = useStage();
  let server;

  before(async () => {
    server = stage.keep(await startAll({ hosts: SIMULATED }));
  });

  const rows = () => stage.page.locator('[data-host]');
  const filter = () => stage.page.getByRole('searchbox', { name: 'Filter hosts' });
  const hash = () => stage.page.evaluate(() => decodeURIComponent(location.hash));
  const columnHeading = (column) => stage.page.locator(`[data-column="${column}"]`);

  async function open(query = '', url = server.url) {
    await stage.page.goto(`${url}#/${query}`);
    await rows().first().waitFor();
  }

  /** What the rows in sight read in a column, from the top. */
  function column(name) {
    return stage.page.evaluate((name) => {
      const rows = [...document.querySelectorAll('[data-host]')];
      rows.sort((one, other) => Number(one.ariaRowIndex) - Number(other.ariaRowIndex));
      if (name === 'name') return rows.map((row) => row.dataset.host);
      return rows.map((row) => row.querySelector(`[data-cell="${name}"] .figure`)?.textContent);
    }, name);
  }

  const allFigures = () => {
    const figures = document.querySelectorAll('[data-cell] .figure');
    return Array.from(figures, (figure) => figure.textContent).join(' ');
  };

  it('shows every host, and figures change by themselves', async () => {
    await open();
    await stage.until(async () => (await rows().count()) === FEW);
    await stage.changes(allFigures);
    await stage.changes(allFigures);
    await rows().first().locator('canvas').waitFor();
    const { page } = stage;
    await page.locator('[data-link="server"]', { hasText: 'connected' }).waitFor();
    await page.locator('[data-link="broker"] [data-mood="good"]').waitFor();
    assert.equal(await page.locator('.notice').count(), 0);
    await stage.picture('table-few');
  });

  it('sorts by any column, and keeps the order in the address', async () => {
    await open();
    await columnHeading('name').getByRole('button').click();
    const names = () => column('name');
    await stage.until(async () => isAscending(await names()));
    await columnHeading('name').getByRole('button').click();
    await stage.until(async () => isAscending((await names()).toReversed()));
    assert.match(await hash(), /sort=name/);
    await columnHeading('memory').getByRole('button').click();
    const memory = async () => (await column('memory')).map((text) => parseFloat(text));
    await stage.until(async () => isAscending((await memory()).toReversed()));
    await stage.page.reload();
    await rows().first().waitFor();
    await stage.until(async () => isAscending((await memory()).toReversed()));
    await stage.page.goBack();
    await stage.until(async () => isAscending((await names()).toReversed()));
  });

  it('filters by what is typed, says what it cannot read, and leads back', async () => {
    await open();
    const { page } = stage;
    const [host] = await column('name');
    await page.keyboard.press('/');
    await page.keyboard.type(`"${host}" cpu>=0`);
    await stage.until(async () => (await rows().count()) === 1);
    await page
      .getByRole('status')
      .filter({ hasText: `1 of ${FEW} hosts` })
      .waitFor();
    await stage.until(async () => (await hash()).includes(host));

    await page.reload();
    await rows().first().waitFor();
    assert.equal(await rows().count(), 1);

    await filter().fill('cpu>eighty');
    await page.getByRole('alert').filter({ hasText: 'needs a number' }).waitFor();
    await filter().fill('no-such-host');
    await page.getByRole('heading', { name: 'No host matches' }).waitFor();
    await stage.picture('table-no-match');
    await page.getByRole('button', { name: 'Show all hosts' }).click();
    await stage.until(async () => (await rows().count()) === FEW);
  });

  it('filters by the counts above it', async () => {
    await open();
    const levels = () =>
      stage.page.evaluate(() => [
        ...new Set(
          Array.from(document.querySelectorAll('[data-host]'), (row) => row.dataset.level),
        ),
      ]);
    await stage.until(async () => (await levels()).length > 1);
    const [level] = await levels();
    const button = stage.page.locator(`button[data-level="${level}"]`);
    await button.click();
    await stage.until(async () => (await hash()).includes(`level:${level.toLowerCase()}`));
    await stage.until(async () => (await levels()).join() === level);
    await button.click();
    await stage.until(async () => (await rows().count()) === FEW);
  });

  it('has the columns that are chosen', async () => {
    await open();
    const { page } = stage;
    assert.equal(await columnHeading('swap').count(), 0);
    await page.getByRole('button', { name: 'Choose columns' }).click();
    await page.getByRole('checkbox', { name: /^Recent CPU/ }).uncheck();
    await page.getByRole('checkbox', { name: /^Swap/ }).check();
    await columnHeading('swap').waitFor();
    await stage.until(async () => /columns=.*swap/.test(await hash()));
    await stage.picture('table-columns');
    await page.reload();
    await columnHeading('swap').waitFor();
    assert.equal(await columnHeading('chart').count(), 0);
  });

  it('opens a host by keyboard, and comes back to where it was', async () => {
    await open('?sort=name&order=ascending');
    const { page } = stage;
    const [, second] = await column('name');
    await page.getByRole('grid', { name: 'Hosts' }).focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    const selected = page.locator('[data-host][aria-selected="true"]');
    await stage.until(async () => (await selected.getAttribute('data-host')) === second);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: second }).waitFor();
    await page.goBack();
    await stage.until(async () => (await selected.getAttribute('data-host')) === second);
    await selected.click();
    await page.getByRole('heading', { name: second }).waitFor();
  });

  it('counts what is high in the title of its tab', async () => {
    const high = ['--cpu-medium', '0', '--cpu-high', '0'];
    const own = stage.use(await startAll({ args: ['--host', 'high-host', ...high] }));
    await open('', own.url);
    await stage.page.locator('[data-host="high-host"][data-level="HIGH"]').waitFor();
    await stage.page.waitForFunction(() => document.title.startsWith('(1 HIGH)'));
  });

  it('shows a thousand hosts, of which only those in sight are there', async () => {
    const large = stage.use(await startAll({ hosts: MANY - 1 }));
    const { page } = stage;
    await open('?sort=name&order=ascending', large.url);
    await page.getByRole('status').filter({ hasText: '1,000 hosts' }).waitFor();
    assert.ok((await rows().count()) < 60, 'rows out of sight are not there');
    await stage.changes(allFigures);
    const grid = page.getByRole('grid', { name: 'Hosts' });
    // The list follows what is counted half a second later.
    await stage.until(async () => (await grid.getAttribute('aria-rowcount')) === String(MANY));
    await grid.focus();
    await page.keyboard.press('End');
    const last = page.locator(`[data-host][aria-rowindex="${MANY}"]`);
    await last.waitFor();
    await last.locator('canvas').waitFor();
    await stage.changes(allFigures);
    await stage.picture('table-many');
  });

  it('keeps rows apart when someone chooses larger text', async () => {
    await open();
    await stage.until(async () => (await rows().count()) === FEW);
    const [before] = await rowBoxes(stage.page);
    await stage.page.evaluate(() => {
      document.documentElement.style.fontSize = '24px';
    });
    await stage.until(async () => {
      const boxes = await rowBoxes(stage.page);
      return (
        boxes.every(({ height }) => Math.abs(height - before.height * 1.5) < 1) &&
        boxes.every(({ top }, i) => i === 0 || top - boxes[i - 1].top >= boxes[i - 1].height - 1)
      );
    });
    await stage.picture('table-larger-text');
  });
});

/** Where rows in sight are, from the top. */
function rowBoxes(page) {
  return page.evaluate(() =>
    Array.from(document.querySelectorAll('[data-host]'), (row) => {
      const { top, height } = row.getBoundingClientRect();
      return { top, height };
    }).sort((one, other) => one.top - other.top),
  );
}

function isAscending(values) {
  const compare = new Intl.Collator('en', { numeric: true }).compare;
  const inOrder = (one, other) =>
    typeof one === 'number' ? one <= other : compare(one, other) <= 0;
  return values.length > 1 && values.every((each, i) => i === 0 || inOrder(values[i - 1], each));
}
