/**
 * What the page takes, as JSON on standard output. Each needs a server that runs already:
 *
 * npm run bench:page -- paint URL     how soon the fleet is seen, opened anew each time
 * npm run bench:page -- watch URL     the main thread, while figures change
 * npm run bench:page -- memory URL    JavaScript's memory, while figures change
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

/** How often the page is asked how many updates it gets. */
const RATE_EVERY_MS = 5_000;

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
const measures = { paint, watch, memory, pixels };
if (!Object.hasOwn(measures, what ?? '') || url === undefined) {
  console.error('usage: bench-page.mjs paint|watch|memory|pixels URL [--seconds 60] …');
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

/**
 * From the start of the navigation to the frame with the first hosts in it, and to the one with all
 * there is room for; and tasks, of another opening each, as noting them takes time, too.
 */
async function paint() {
  const rounds = [];
  for (let i = 0; i < Number(values.rounds); i += 1) {
    const plain = await newPage();
    const times = await openFleet(plain);
    await plain.context().close();
    const page = await newPage();
    const tools = await Debugger.attach(browser, page);
    const stopTrace = await tools.traceTasks();
    await openFleet(page);
    rounds.push({ ...times, ...(await stopTrace()) });
    await page.context().close();
  }
  return { rounds, script_bytes: await scriptBytes(DIST) };
}

/** Opens the page and stays on it for a while; answers when hosts were painted. */
async function openFleet(page) {
  await page.addInitScript(notePaints, '');
  await page.goto(url);
  await page.waitForFunction(() => globalThis.__paints.length > 0);
  await page.waitForTimeout(SETTLE_MS / 2);
  const [first, last] = await page.evaluate(() => {
    const room = [...document.querySelectorAll('[data-host]')].filter((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      return bottom > 0 && top < globalThis.innerHeight;
    });
    const seen = new Map();
    for (const { host, atMs } of globalThis.__paints) if (!seen.has(host)) seen.set(host, atMs);
    const times = [...seen.values()];
    return [times[0], times[room.length - 1]];
  });
  return { first_paint_ms: round(first), full_paint_ms: round(last) };
}

/** The page once the fleet is on it and what happens once is over. */
async function settledPage() {
  const page = await newPage();
  const tools = await Debugger.attach(browser, page);
  await page.goto(url);
  await page.waitForSelector('[data-host], canvas');
  await page.waitForTimeout(SETTLE_MS);
  return { page, tools };
}

/** How busy the page is kept. */
async function watch(seconds) {
  const { page, tools } = await settledPage();
  const stopTrace = await tools.traceTasks();
  await page.waitForTimeout(Number(values.traced) * 1_000);
  const tasks = await stopTrace();

  // Not traced: noting tasks takes time, too.
  const [begunMs, before] = [performance.now(), await tools.mainThreadSeconds()];
  const rates = [];
  while (performance.now() - begunMs < seconds * 1_000) {
    await page.waitForTimeout(RATE_EVERY_MS);
    rates.push(await updatesPerSecond(page));
  }
  const busySeconds = (await tools.mainThreadSeconds()) - before;
  return {
    ...tasks,
    updates_per_second: Math.round(mean(rates)),
    busy_share: round(busySeconds / ((performance.now() - begunMs) / 1_000), 3),
  };
}

/** Whether memory grows. */
async function memory(seconds) {
  const { page, tools } = await settledPage();
  const heap = [await tools.heapMegabytes()];
  const rates = [];
  const begunMs = performance.now();
  for (let leftMs = seconds * 1_000; leftMs > 0;) {
    await page.waitForTimeout(Math.min(HEAP_EVERY_MS, leftMs));
    rates.push(await updatesPerSecond(page));
    heap.push(await tools.heapMegabytes());
    leftMs = seconds * 1_000 - (performance.now() - begunMs);
  }
  return {
    updates_per_second: Math.round(mean(rates)),
    page_heap_mb: heap.map((at) => at.page),
    worker_heap_mb: heap.map((at) => at.worker),
  };
}

function mean(numbers) {
  return numbers.reduce((a, b) => a + b) / numbers.length;
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
  return {
    paints: counted.map(({ host, figure, handedOverMs, paintedMs }) => ({
      host,
      figure,
      handed_over_ms: handedOverMs,
      painted_ms: paintedMs,
    })),
  };
}

/**
 * Runs in the page, before its first script: notes each new CPU figure of hosts whose name begins
 * with `prefix` once a frame with it was painted, and when the worker had handed its batch over.
 */
function notePaints(prefix) {
  // The page is handed the next batch only after it has drawn the one before.
  let handedOverMs = 0;
  globalThis.Worker = class extends globalThis.Worker {
    constructor(...address) {
      super(...address);
      this.addEventListener('message', ({ data }) => {
        if (data.kind === 'batch') handedOverMs = Date.now();
      });
    }
  };
  const paints = [];
  const shown = new Map();
  globalThis.__paints = paints;
  // A message that is sent in a frame is received once that frame is on its way to the screen.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => {
    const [atMs, paintedMs] = [performance.now(), Date.now()];
    for (const figure of data) paints.push({ ...figure, atMs, paintedMs });
  };
  const observer = new MutationObserver(() => {
    const changed = [];
    for (const row of document.querySelectorAll('[data-host]')) {
      const host = row.getAttribute('data-host');
      const figure = row.querySelector('[data-cell="cpu"] .figure')?.textContent;
      if (!host.startsWith(prefix) || figure === undefined || shown.get(host) === figure) continue;
      shown.set(host, figure);
      changed.push({ host, figure, handedOverMs });
    }
    if (changed.length > 0) requestAnimationFrame(() => port2.postMessage(changed));
  });
  observer.observe(document, { childList: true, subtree: true, characterData: true });
}
