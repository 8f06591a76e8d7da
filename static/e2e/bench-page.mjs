/**
 * How much of the main thread the page takes, as JSON on standard output.
 *
 * npm run bench:page [-- URL]        against a running server
 * BENCH_HOSTS=1000 npm run bench:page   against the mock server, each host at 1 Hz
 *
 * BENCH_SECONDS (60) is how long to watch. The machine's other work shows in the figures: compare
 * medians of several runs.
 */

import { launchBrowser } from './browser.mjs';
import { startMockServer } from './mock-server.mjs';

const url = process.argv[2] ?? process.env.BENCH_URL;
const seconds = Number(process.env.BENCH_SECONDS ?? 60);
const hosts = Number(process.env.BENCH_HOSTS ?? 1_000);

const LONG_MS = 50;

/** Runs in the page, before its first script. */
function watch() {
  const gaps = [];
  globalThis.__frameGaps = gaps;
  let before;
  const frame = (now) => {
    if (before !== undefined) gaps.push(now - before);
    before = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** Has the browser note every task of every thread until the function given back is called. */
async function traceTasks(browser) {
  const session = await browser.newBrowserCDPSession();
  const events = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...value));
  const included = ['devtools.timeline', 'disabled-by-default-devtools.timeline'];
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { recordMode: 'recordAsMuchAsPossible', includedCategories: included },
  });
  return async () => {
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
    await session.send('Tracing.end');
    await complete;
    return events;
  };
}

/**
 * Tasks of the main thread of the page's frame: how long each took on the clock, and how much of
 * that the thread had a core. The browser's own interface has renderers too; they are left out.
 */
function mainThreadTasks(events, frame) {
  const ofPage = events.find((event) => event.args?.data?.frame === frame && event.ph === 'X');
  const tasks = events.filter(
    (event) =>
      event.ph === 'X' &&
      event.name === 'RunTask' &&
      event.pid === ofPage?.pid &&
      event.tid === ofPage?.tid,
  );
  if (tasks.length === 0) throw new Error('the browser noted no task of the main thread');
  return tasks.map(({ dur, tdur }) => ({
    durationMs: dur / 1_000,
    cpuMs: (tdur ?? dur) / 1_000,
  }));
}

function describe(tasks) {
  const long = tasks.filter((task) => task.durationMs > LONG_MS);
  return {
    tasks: tasks.length,
    over_50_ms: long.length,
    over_50_ms_of_cpu: tasks.filter((task) => task.cpuMs > LONG_MS).length,
    longest_ms: round(Math.max(...tasks.map((task) => task.durationMs))),
    longest_cpu_ms: round(Math.max(...tasks.map((task) => task.cpuMs))),
    long: long.map(({ durationMs, cpuMs }) => ({ ms: round(durationMs), cpu_ms: round(cpuMs) })),
  };
}

async function metrics(session) {
  const { metrics: list } = await session.send('Performance.getMetrics');
  return Object.fromEntries(list.map(({ name, value }) => [name, value]));
}

async function heapMegabytes(session) {
  await session.send('HeapProfiler.collectGarbage');
  return (await metrics(session)).JSHeapUsedSize / 1e6;
}

const round = (value, digits = 1) => Number(value.toFixed(digits));

const server = url ? null : await startMockServer({ hosts });
const browser = await launchBrowser();
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  const problems = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  await page.addInitScript(watch);
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await session.send('HeapProfiler.enable');

  const frame = (await session.send('Page.getFrameTree')).frameTree.frame.id;
  const stopTrace = await traceTasks(browser);
  const openedMs = performance.now();
  await page.goto(url ?? server.url);
  await page.locator('[data-host] canvas').first().waitFor();
  const firstChartMs = performance.now() - openedMs;
  await page.waitForTimeout(5_000);
  const loading = mainThreadTasks(await stopTrace(), frame);

  // Not traced, as collecting garbage is a long task of its own.
  const heapStart = await heapMegabytes(session);
  const before = await metrics(session);
  await page.evaluate(() => globalThis.__frameGaps.splice(0));
  const stopSecondTrace = await traceTasks(browser);
  await page.waitForTimeout(seconds * 1_000);
  const steady = mainThreadTasks(await stopSecondTrace(), frame);
  const gaps = (await page.evaluate(() => globalThis.__frameGaps)).toSorted((a, b) => a - b);
  const after = await metrics(session);
  const heapEnd = await heapMegabytes(session);

  console.log(
    JSON.stringify(
      {
        url: url ?? 'mock',
        hosts: await page.locator('[data-count=total]').textContent(),
        seconds,
        first_chart_ms: Math.round(firstChartMs),
        loading: describe(loading),
        steady: describe(steady),
        busy_share: round(
          (after.TaskDuration - before.TaskDuration) / (after.Timestamp - before.Timestamp),
          3,
        ),
        script_share: round(
          (after.ScriptDuration - before.ScriptDuration) / (after.Timestamp - before.Timestamp),
          3,
        ),
        frame_gap_p99_ms: round(gaps[Math.floor(gaps.length * 0.99)] ?? 0),
        longest_frame_gap_ms: round(gaps.at(-1) ?? 0),
        heap_start_mb: round(heapStart),
        heap_end_mb: round(heapEnd),
        problems,
      },
      null,
      2,
    ),
  );
  if (problems.length > 0) process.exitCode = 1;
} finally {
  await browser.close();
  await server?.stop();
}
