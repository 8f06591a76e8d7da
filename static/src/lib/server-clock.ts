/** What the stamps of messages tell of the server's clock. */

/** The best of this time and of the same time before it counts. */
const SPAN_MS = 30_000;

export class ServerClock {
  /** What the server's clock read when this connection began, by its first message. */
  #begunMs = -Infinity;
  #newestMs = -Infinity;
  #spanFromMs = 0;
  #bestOfSpanMs = -Infinity;
  #bestBeforeMs = -Infinity;

  /** A connection begins, perhaps to another server: what was before says nothing. */
  begin(serverTimeMs: number, nowMs: number): void {
    this.#begunMs = serverTimeMs;
    this.#newestMs = serverTimeMs;
    this.#spanFromMs = nowMs;
    this.#bestOfSpanMs = serverTimeMs - nowMs;
    this.#bestBeforeMs = -Infinity;
  }

  /**
   * Notes the stamp of a message that came in at `nowMs` by this machine's clock. Answers whether it
   * was sent on this connection: one that was missed before tells its old time.
   */
  note(serverTimeMs: number, nowMs: number): boolean {
    if (serverTimeMs < this.#begunMs) return false;
    this.#newestMs = Math.max(this.#newestMs, serverTimeMs);
    const sinceMs = nowMs - this.#spanFromMs;
    if (sinceMs < 0 || sinceMs >= SPAN_MS) {
      this.#bestBeforeMs = this.#bestOfSpanMs;
      this.#bestOfSpanMs = -Infinity;
      this.#spanFromMs = nowMs;
    }
    this.#bestOfSpanMs = Math.max(this.#bestOfSpanMs, serverTimeMs - nowMs);
    return true;
  }

  /**
   * Server clock minus the clock of this machine. The way only ever makes a stamp older, so the
   * largest difference is the truest; by it, what comes slowly looks as old as it is.
   */
  get offsetMs(): number {
    return Math.max(this.#bestOfSpanMs, this.#bestBeforeMs);
  }

  /** What the server's clock read when it sent the newest message heard. */
  get newestMs(): number {
    return this.#newestMs;
  }
}
