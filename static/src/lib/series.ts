/** Recent CPU of one host: kept short and in order. */

import { CLOSEST_POINTS_MS, POINTS_KEPT } from './generated/constants';

export { DEFAULT_INTERVAL_MS } from './figures';

/**
 * The last points of one host, in ascending time, one per instant; two minutes at least. Of a host
 * that is read often not all, or they would be a few seconds.
 */
export class Series {
  readonly #timesMs: number[] = [];
  readonly #percentages: number[] = [];

  get length(): number {
    return this.#timesMs.length;
  }

  /** When the newest point was taken; `undefined` when there is none. */
  get newestMs(): number | undefined {
    return this.#timesMs.at(-1);
  }

  /** The newest percentage; `undefined` when there is none. */
  get newest(): number | undefined {
    return this.#percentages.at(-1);
  }

  /** Calls `take` with each point, the oldest first. */
  forEach(take: (timestampMs: number, percentage: number) => void): void {
    this.#timesMs.forEach((timeMs, i) => {
      take(timeMs, this.#percentages[i] ?? NaN);
    });
  }

  /**
   * Puts a point where its time belongs. Points mostly come in order, so the usual case is an
   * append; one of a time already known replaces what was there, one older than a full series is
   * dropped.
   */
  insert(timestampMs: number, percentage: number): void {
    let index = this.#timesMs.length;
    while (index > 0 && (this.#timesMs[index - 1] ?? 0) >= timestampMs) index -= 1;
    if (this.#timesMs[index] === timestampMs) {
      this.#percentages[index] = percentage;
      return;
    }
    this.#timesMs.splice(index, 0, timestampMs);
    this.#percentages.splice(index, 0, percentage);
    // The one behind it first: it stays itself only if it is needed.
    for (const one of [index, index + 1, index - 1]) this.#thin(one);
    if (this.#timesMs.length > POINTS_KEPT) {
      this.#timesMs.shift();
      this.#percentages.shift();
    }
  }

  /** Drops a point when those beside it are close. */
  #thin(index: number): void {
    const apartMs = (this.#timesMs[index + 1] ?? NaN) - (this.#timesMs[index - 1] ?? NaN);
    if (apartMs < CLOSEST_POINTS_MS) {
      this.#timesMs.splice(index, 1);
      this.#percentages.splice(index, 1);
    }
  }

  /** Drops all points later than an instant. */
  dropAfter(timestampMs: number): void {
    while ((this.newestMs ?? -Infinity) > timestampMs) {
      this.#timesMs.pop();
      this.#percentages.pop();
    }
  }
}

/** Indexes a line would not show: values with nothing on either side. */
export function isolated(values: readonly (number | null | undefined)[]): number[] {
  const found: number[] = [];
  values.forEach((value, i) => {
    if (value != null && values[i - 1] == null && values[i + 1] == null) found.push(i);
  });
  return found;
}
