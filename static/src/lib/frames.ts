/**
 * Drawing, spread over frames.
 *
 * A screen full of charts made or redrawn in one go would block typing and scrolling on a slow
 * machine. Work asked for here runs in the next frames, a few milliseconds in each; asking twice
 * before it ran counts once.
 */

const BUDGET_MS = 6;

const waiting = new Set<() => void>();
let scheduled = false;

/** Runs `work` in one of the next frames. The function itself is the identity of the work. */
export function inFrame(work: () => void): void {
  waiting.add(work);
  if (!scheduled) {
    scheduled = true;
    requestAnimationFrame(run);
  }
}

/** Takes back what has not run yet. */
export function notInFrame(work: () => void): void {
  waiting.delete(work);
}

function run(): void {
  const endMs = performance.now() + BUDGET_MS;
  try {
    for (const work of waiting) {
      waiting.delete(work);
      work();
      if (performance.now() >= endMs) break;
    }
  } finally {
    // One drawing that fails must not end all others.
    scheduled = waiting.size > 0;
    if (scheduled) requestAnimationFrame(run);
  }
}
