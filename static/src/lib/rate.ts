/** How many things happened a second, over the last few seconds. */

const WINDOW_MS = 5_000;

export class Rate {
  readonly #startMs: number;
  #entries: { atMs: number; amount: number }[] = [];

  constructor(nowMs: number) {
    this.#startMs = nowMs;
  }

  add(amount: number, nowMs: number): void {
    if (amount > 0) this.#entries.push({ atMs: nowMs, amount });
    // Bounded even when nobody asks, as in a tab that is never looked at.
    if (this.#entries.length > 1_000) this.#forget(nowMs);
  }

  perSecond(nowMs: number): number {
    this.#forget(nowMs);
    const spanMs = Math.min(WINDOW_MS, Math.max(1_000, nowMs - this.#startMs));
    const total = this.#entries.reduce((sum, entry) => sum + entry.amount, 0);
    return (total * 1_000) / spanMs;
  }

  #forget(nowMs: number): void {
    this.#entries = this.#entries.filter((entry) => nowMs - entry.atMs < WINDOW_MS);
  }
}
