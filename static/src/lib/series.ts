/** Recent CPU of one host: kept short and in order, and shaped into the columns a chart wants. */

/** Points kept of each host. */
export const POINTS_KEPT = 120;

/** Interval assumed of a host of which neither a promise nor two points are known. */
export const DEFAULT_INTERVAL_MS = 1_000;

/** Two points further apart than this many intervals have a gap between them. */
const GAP_INTERVALS = 1.5;

/** Columns of a chart: ascending times, and values of which `null` breaks the line. */
export type Columns = [timesMs: number[], percentages: (number | null)[]];

/** The last points of one host, in ascending time, one per instant. */
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

  clear(): void {
    this.#timesMs.length = 0;
    this.#percentages.length = 0;
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
    if (this.#timesMs.length > POINTS_KEPT) {
      this.#timesMs.shift();
      this.#percentages.shift();
    }
  }

  /** Drops all points later than an instant. */
  dropAfter(timestampMs: number): void {
    while ((this.newestMs ?? -Infinity) > timestampMs) {
      this.#timesMs.pop();
      this.#percentages.pop();
    }
  }

  /** The usual distance between points: their median, which a few gaps do not move. */
  medianIntervalMs(): number | undefined {
    if (this.#timesMs.length < 2) return undefined;
    const distances = this.#timesMs.slice(1).map((time, i) => time - (this.#timesMs[i] ?? time));
    distances.sort((a, b) => a - b);
    return distances[distances.length >> 1];
  }

  columns(intervalMs: number): Columns {
    const times: number[] = [];
    const values: (number | null)[] = [];
    let before: number | undefined;
    this.#timesMs.forEach((time, i) => {
      if (before !== undefined && time - before > GAP_INTERVALS * intervalMs) {
        times.push((before + time) / 2);
        values.push(null);
      }
      times.push(time);
      values.push(this.#percentages[i] ?? null);
      before = time;
    });
    return [times, values];
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
