/** The page before there is anything to show: what it tells people to do, does it. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Broker } from './broker.mjs';
import { Program, startAnalyzer, startWeb, useStage } from './harness.mjs';

/** A name that leads to this machine, and is not one that means "this machine". */
const NAME = 'dashboard.example.com';

describe('the page without any host', () => {
  const stage = useStage();
  let broker;
  let web;

  before(async () => {
    broker = stage.keep(await Broker.start());
    web = stage.keep(await startWeb(broker.url, { args: ['--allowed-host', NAME] }));
    stage.keep(startAnalyzer(broker.url));
  });

  const command = () => stage.page.locator('main code').textContent();
  const isShown = () => stage.page.getByRole('heading', { name: 'No host yet' }).waitFor();

  it('names the broker by the name the page was asked by', async () => {
    const { page } = stage;
    // Chromium's remark on plain HTTP.
    stage.expect(/Cross-Origin-Opener-Policy header has been ignored/);
    await page.goto(web.url.replace('127.0.0.1', NAME));
    await isShown();
    assert.equal(
      await command(),
      `resources-tracker --broker-url amqp://USER:PASSWORD@${NAME}:5672/%2f`,
    );
    await page.getByText(`Fill in USER and PASSWORD, and another address than ${NAME}`).waitFor();
    await stage.picture('empty-by-name');
  });

  it('gives a command that, filled in and typed, makes the host appear', async () => {
    const page = await stage.useNewPage({ permissions: ['clipboard-read', 'clipboard-write'] });
    await page.goto(web.url);
    await isShown();
    assert.equal(
      await command(),
      'resources-tracker --broker-url amqp://USER:PASSWORD@BROKER:5672/%2f',
    );
    await page.getByText('Fill in USER, PASSWORD and BROKER').waitFor();
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    await stage.picture('empty');
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, await command());

    const { username, password, hostname, port } = new URL(broker.url);
    const [program, ...args] = copied
      .replace('USER:PASSWORD@BROKER:5672', `${username}:${password}@${hostname}:${port}`)
      .split(' ');
    stage.use(new Program(program, [...args, '--host', 'first-host']));
    await page.locator('[data-host="first-host"] canvas').waitFor();
    await stage.picture('empty-no-more');
  });
});
