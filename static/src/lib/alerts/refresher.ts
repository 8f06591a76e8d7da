/** Asks again when something changed, however often things change. */

export interface Refresher {
  /** Something changed: an answer from after this is wanted. */
  readonly want: () => void;
  /** No answer is wanted any more. */
  readonly stop: () => void;
}

/**
 * Asks as soon as an answer is wanted, and from then on `afterMs` after something changed. Changes
 * that come meanwhile are part of the same question and put it off no further; there is one
 * question at a time. `ask` never fails.
 */
export function refresher(ask: (signal: AbortSignal) => Promise<void>, afterMs: number): Refresher {
  const control = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waitMs = 0;
  let isAsking = false;
  let isWanted = false;

  function want() {
    isWanted = true;
    if (isAsking || control.signal.aborted) return;
    timer ??= setTimeout(() => void run(), waitMs);
  }

  async function run() {
    timer = undefined;
    waitMs = afterMs;
    isAsking = true;
    isWanted = false;
    await ask(control.signal);
    isAsking = false;
    // TypeScript does not see that `want` may have been called meanwhile.
    if (isWanted as boolean) want();
  }

  return {
    want,
    stop: () => {
      clearTimeout(timer);
      control.abort();
    },
  };
}
