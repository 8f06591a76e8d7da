/**
 * What the page takes, as JSON on standard output. Each needs a server that runs already:
 *
 * npm run bench:page -- paint URL     how soon the fleet is seen, opened anew each time
 * npm run bench:page -- watch URL     the main thread and memory, while figures change
 * npm run bench:page -- pixels URL --prefix NAME     when figures of the hosts NAME… were painted
 *
 * URL may name a view: http://localhost:8888/#/map. `--seconds` is how long to watch, `--traced`
 * for how much of it every task is noted, `--rounds` how often to open.
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { scriptBytes } from '../script-size.js';
import { launchBrowser } from './browser.mjs';
import { Debugger, round } from './debugger.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));

const VIEWPORT = { width: 1280, height: 800 };

/** Until what happens once is over: the first batches, code compiled. */
const SETTLE_MS = 10_000;

/** How often memory is looked at. */
const HEAP_EVERY_MS = 30_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    traced: { type: 'string', default: '60' },
    rounds: { type: 'string', default: '5' },
    prefix: { type: 'string', default: '' },
  },
});
const [what, url] = positionals;
const measures = { paint, watch, pixels };
if (!Object.hasOwn(measures, what ?? '') || url === undefined) {
  console.error('usage: bench-page.mjs paint|watch|pixels URL [--seconds 60] …');
  process.exit(2);
}

const problems = [];
const browser = await launchBrowser();
try {
  const measured = await measures[what](Number(values.seconds));
  console.log(JSON.stringify({ ...measured, problems }));
  if (problems.length > 0) process.exitCode = 1;
} finally {
  await browser.close();
}

/** A page of a browser with nothing in its cache. */
async function newPage() {
  const context = await browser.newContext({ viewport: VIEWPORT });
  const page = await context.newPage();
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  return page;
}

/** From the start of the navigation to the frame with the first hosts in it. */
async function paint() {
  const rounds = [];
  for (let i = 0; i < Number(values.rounds); i += 1) {
    const page = await newPage();
    const tools = await Debugger.attach(browser, page);
    await page.addInitScript(notePaints, '');
    const stopTrace = await tools.traceTasks();
    await page.goto(url);
    await page.waitForFunction(() => globalThis.__paints.length > 0);
    const { atMs } = await page.evaluate(() => globalThis.__paints[0]);
    await page.waitForTimeout(SETTLE_MS / 2);
    rounds.push({ first_paint_ms: round(atMs), ...(await stopTrace()) });
    await page.context().close();
  }
  return { rounds, script_bytes: await scriptBytes(DIST) };
}

/** How busy the page is kept, and whether its memory grows. */
async function watch(seconds) {
  const page = await newPage();
  const tools = await Debugger.attach(browser, page);
  await page.goto(url);
  await page.waitForSelector('[data-host], canvas');
  await page.waitForTimeout(SETTLE_MS);

  const stopTrace = await tools.traceTasks();
  await page.waitForTimeout(Number(values.traced) * 1_000);
  const tasks = await stopTrace();

  // Not traced: collecting garbage is a long task of its own, and noting tasks takes time, too.
  const heap = [await tools.heapMegabytes()];
  const rates = [];
  let busySeconds = 0;
  const begunMs = performance.now();
  let watchedMs = 0;
  while (performance.now() - begunMs < seconds * 1_000) {
    const [beforeMs, before] = [performance.now(), await tools.mainThreadSeconds()];
    const leftMs = seconds * 1_000 - (beforeMs - begunMs);
    await page.waitForTimeout(Math.min(HEAP_EVERY_MS, leftMs));
    busySeconds += (await tools.mainThreadSeconds()) - before;
    watchedMs += performance.now() - beforeMs;
    rates.push(await updatesPerSecond(page));
    heap.push(await tools.heapMegabytes());
  }
  return {
    ...tasks,
    updates_per_second: Math.round(rates.reduce((a, b) => a + b) / rates.length),
    busy_share: round(busySeconds / (watchedMs / 1_000), 3),
    page_heap_mb: heap.map((at) => at.page),
    worker_heap_mb: heap.map((at) => at.worker),
  };
}

/** As the page itself tells it: one that gets nothing is idle for the wrong reason. */
async function updatesPerSecond(page) {
  return Number((await page.locator('.rate dd').textContent()).replaceAll(/\D/g, ''));
}

/** Which figure of which host was in a frame, and when, by the clock of the machine. */
async function pixels(seconds) {
  const page = await newPage();
  await page.addInitScript(notePaints, values.prefix);
  await page.goto(url);
  await page.waitForFunction(() => globalThis.__paints.length > 0);
  await page.waitForTimeout(SETTLE_MS);
  const begunMs = Date.now();
  await page.waitForTimeout(seconds * 1_000);
  const paints = await page.evaluate(() => globalThis.__paints);
  const counted = paints.filter(({ paintedMs }) => paintedMs >= begunMs);
  return { paints: counted.map(({ host, figure, paintedMs }) => [host, figure, paintedMs]) };
}

/**
 * Runs in the page, before its first script: notes each new CPU figure of hosts whose name begins
 * with `prefix` once a frame with it was painted.
 */
function notePaints(prefix) {
  const paints = [];
  const shown = new Map();
  globalThis.__paints = paints;
  // A message that is sent in a frame is received once that frame is on its way to the screen.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => {
    const [atMs, paintedMs] = [performance.now(), Date.now()];
    for (const [host, figure] of data) paints.push({ host, figure, atMs, paintedMs });
  };
  const observer = new MutationObserver(() => {
    const changed = [];
    for (const row of document.querySelectorAll('[data-host]')) {
      const host = row.getAttribute('data-host');
      const figure = row.querySelector('[data-cell="cpu"] .figure')?.textContent;
      if (!host.startsWith(prefix) || figure === undefined || shown.get(host) === figure) continue;
      shown.set(host, figure);
      changed.push([host, figure]);
    }
    if (changed.length > 0) requestAnimationFrame(() => port2.postMessage(changed));
  });
  observer.observe(document, { childList: true, subtree: true, characterData: true });
}
