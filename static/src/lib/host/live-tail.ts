/** What a host sent since its page was opened, at full resolution; the newest of it. */

export interface TailSample {
  readonly timestampMs: number;
  /** Figures by the names history keeps them under. */
  readonly values: ReadonlyMap<string, number>;
}

/** Samples kept; 20 minutes of a host that is read once a second. */
export const SAMPLES_KEPT = 1_200;

/** Two points further apart than this many of their distances have a gap between them. */
export const GAP_DISTANCES = 1.5;

/** Time between two tellings of a host, at least: more than a server sends at its usual pace. */
const TOLD_EVERY_MS = 100;

/** By so much the same way takes longer once than another time. */
const SLACK_MS = 100;

/**
 * Samples further apart than this have a gap between them. Of each telling only the newest sample
 * comes: those of a host that is read as often stand an interval and a telling apart, and nothing is
 * wrong.
 */
export function gapMs(intervalMs: number, pushIntervalMs: number): number {
  return Math.max(
    GAP_DISTANCES * intervalMs,
    intervalMs + Math.max(pushIntervalMs, TOLD_EVERY_MS) + SLACK_MS,
  );
}

/** How a sample stands to those before it. */
export type Place = 'next' | 'known' | 'after a gap' | 'set back';

export class LiveTail {
  readonly #samples: TailSample[] = [];

  /** Oldest first. */
  get samples(): readonly TailSample[] {
    return this.#samples;
  }

  /**
   * Adds the newest sample of the host. One that is earlier than what is known means that the
   * host's clock was set back: what was later no longer holds. `limitMs` is the answer of `gapMs`;
   * only further apart than twice that something was missed.
   */
  add(sample: TailSample, limitMs: number): Place {
    let newest = this.#samples.at(-1);
    if (newest?.timestampMs === sample.timestampMs) return 'known';
    const isSetBack = newest !== undefined && newest.timestampMs > sample.timestampMs;
    while (newest !== undefined && newest.timestampMs > sample.timestampMs) {
      this.#samples.pop();
      newest = this.#samples.at(-1);
    }
    if (newest?.timestampMs === sample.timestampMs) this.#samples.pop();
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLES_KEPT) this.#samples.shift();
    if (isSetBack) return 'set back';
    if (newest === undefined) return 'next';
    const distanceMs = sample.timestampMs - newest.timestampMs;
    return distanceMs > 2 * limitMs ? 'after a gap' : 'next';
  }

  clear(): void {
    this.#samples.length = 0;
  }
}
