/** The views of alerts on every width, in both themes, against the mock server; pictures in screenshots/. */

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { graveFindings } from './axe.mjs';
import { useStage } from './harness.mjs';
import { startMockServer } from './mock-server.mjs';

const HOST = 'web-1.fra.example.com';

describe('alerts on any screen', () => {
  const stage = useStage();
  let server;

  before(async () => {
    server = stage.keep(await startMockServer({ hosts: 40, alerts: 12 }));
    // Whatever a row can say.
    const { alerts } = server;
    const by = { by: 'Ada Lovelace', note: 'The disk is being replaced, see the log of this week' };
    for (const id of ['episode2', 'episode3']) {
      alerts.answer('POST', `alerts/${id}/acknowledgement`, undefined, by);
    }
    const silence = { host: 'api-1.fra.example.com', for_ms: 3_600_000, by: 'Grace' };
    alerts.answer('POST', 'silences', undefined, { ...silence, reason: 'planned work' });
  });

  for (const width of [360, 1280, 2560]) {
    for (const theme of ['light', 'dark']) {
      it(`are legible ${width} pixels wide, ${theme}`, async () => {
        const page = await stage.newPage({ width, height: 900, theme });
        const views = [
          ['active', '#/alerts', '[data-alert]'],
          ['history', '#/alerts?show=history', '[data-alert]'],
          ['silences', '#/alerts?show=silences', '[data-silence]'],
          ['host', `#/hosts/${HOST}?range=6h`, '[data-chart=cpu]:has([data-mark]) canvas'],
        ];
        for (const [name, hash, ready] of views) {
          await page.goto(server.url + hash);
          await page.locator(ready).first().waitFor();
          await stage.picture(`alerts/${name}-${width}-${theme}`, { page });
          const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
          );
          assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide`);
          const cut = await page.evaluate(() =>
            Array.from(document.querySelectorAll('[data-alert]'))
              .filter((row) => row.scrollHeight > row.clientHeight + 1)
              .map((row) => row.textContent),
          );
          assert.deepEqual(cut, [], `rows of ${name} that are cut`);
          assert.deepEqual(await graveFindings(page), [], name);
        }
        await page.context().close();
      });
    }
  }
});
