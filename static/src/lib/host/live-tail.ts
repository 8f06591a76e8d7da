/** What a host sent since its page was opened, at full resolution; the newest of it. */

export interface TailSample {
  readonly timestampMs: number;
  /** Figures by the names history keeps them under. */
  readonly values: ReadonlyMap<string, number>;
}

/** Samples kept; 20 minutes of a host that is read once a second. */
export const SAMPLES_KEPT = 1_200;

/** Samples further apart than this many intervals: something was missed. */
const MISSED_INTERVALS = 3;

/** How a sample stands to those before it. */
export type Place = 'next' | 'known' | 'after a gap';

export class LiveTail {
  readonly #samples: TailSample[] = [];

  /** Oldest first. */
  get samples(): readonly TailSample[] {
    return this.#samples;
  }

  /**
   * Adds the newest sample of the host. One that is earlier than what is known means that the
   * host's clock was set back: what was later no longer holds.
   */
  add(sample: TailSample, intervalMs: number): Place {
    let newest = this.#samples.at(-1);
    if (newest?.timestampMs === sample.timestampMs) return 'known';
    while (newest !== undefined && newest.timestampMs > sample.timestampMs) {
      this.#samples.pop();
      newest = this.#samples.at(-1);
    }
    if (newest?.timestampMs === sample.timestampMs) this.#samples.pop();
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES_KEPT) this.#samples.shift();
    if (newest === undefined) return 'next';
    const distanceMs = sample.timestampMs - newest.timestampMs;
    return distanceMs > MISSED_INTERVALS * intervalMs ? 'after a gap' : 'next';
  }

  clear(): void {
    this.#samples.length = 0;
  }
}
