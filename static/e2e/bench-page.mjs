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

/** Runs in the page, before its first script. */
function watch() {
  const seen = { longTasks: [], frameGaps: [] };
  globalThis.__seen = seen;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      seen.longTasks.push({ startMs: entry.startTime, durationMs: entry.duration });
    }
  }).observe({ type: 'longtask', buffered: true });
  let before;
  const frame = (now) => {
    if (before !== undefined) seen.frameGaps.push(now - before);
    before = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
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

  const openedMs = performance.now();
  await page.goto(url ?? server.url);
  await page.locator('[data-host] canvas').first().waitFor();
  const firstChartMs = performance.now() - openedMs;

  await page.waitForTimeout(5_000);
  const heapStart = await heapMegabytes(session);
  const before = await metrics(session);
  await page.waitForTimeout(seconds * 1_000);
  const after = await metrics(session);
  const heapEnd = await heapMegabytes(session);

  const seen = await page.evaluate(() => globalThis.__seen);
  const gaps = seen.frameGaps.toSorted((a, b) => a - b);
  const durations = seen.longTasks.map((task) => task.durationMs);
  console.log(
    JSON.stringify(
      {
        url: url ?? 'mock',
        hosts: await page.locator('[data-count=total]').textContent(),
        seconds,
        first_chart_ms: Math.round(firstChartMs),
        tasks_over_50_ms: durations.length,
        longest_task_ms: durations.length > 0 ? round(Math.max(...durations)) : 'below 50',
        long_tasks: seen.longTasks.map(({ startMs, durationMs }) => ({
          start_ms: Math.round(startMs),
          duration_ms: round(durationMs),
        })),
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
