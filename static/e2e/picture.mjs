/**
 * Makes the picture of the README from a simulated fleet: `npm run picture`, with the programs
 * built. Takes about two minutes, until the charts of the table are full.
 */

import { fileURLToPath } from 'node:url';
import { launchBrowser } from './browser.mjs';
import { startAll } from './programs.mjs';

const PICTURE = fileURLToPath(new URL('../../docs/fleet.png', import.meta.url));

const HOSTS = 200;

/** Memory and disks are meant to be used. */
const THRESHOLDS = ['memory', 'disk'].flatMap((resource) => [
  ...[`--${resource}-medium`, '80'],
  ...[`--${resource}-high`, '92'],
]);

/** As long as the charts of the table reach back. */
const HISTORY_MS = 125_000;

const server = await startAll({ hosts: HOSTS, args: THRESHOLDS });
const browser = await launchBrowser();
try {
  console.error(`${HOSTS} hosts have begun; the picture is taken in ${HISTORY_MS / 1_000} s`);
  const page = await browser.newPage({
    viewport: { width: 1280, height: 760 },
    colorScheme: 'light',
  });
  await page.goto(server.url);
  await page.locator('[data-host] canvas').first().waitFor();
  await page.waitForTimeout(HISTORY_MS);
  await page.screenshot({ path: PICTURE });
  console.log(PICTURE);
} finally {
  await browser.close();
  await server.stop();
}
