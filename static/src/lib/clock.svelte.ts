/** The one clock of the page: ages follow it, so that no host needs a timer of its own. */

const TICK_MS = 250;

/** Ages that change several times a second are motion too. */
const CALM_TICK_MS = 1_000;

export class Clock {
  /** Now, by this machine's clock. */
  nowMs = $state(Date.now());
  /** Now, by the server's clock: what ages are judged by. */
  serverNowMs = $state(Date.now());
  /** Server clock minus the clock of this machine, as the newest message told it. */
  offsetMs = 0;

  tick(): void {
    this.nowMs = Date.now();
    this.serverNowMs = this.nowMs + this.offsetMs;
  }

  /** Ticks until the answer is called; `onTick` runs after each. */
  run(onTick: () => void): () => void {
    const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    const timer = setInterval(
      () => {
        this.tick();
        onTick();
      },
      calm ? CALM_TICK_MS : TICK_MS,
    );
    return () => {
      clearInterval(timer);
    };
  }
}

export const clock = new Clock();
