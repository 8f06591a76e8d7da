/** What all charts of one host share: the live tail, the cursor, and what history had to say. */

import { SvelteMap } from 'svelte/reactivity';
import type { Analysis } from '../detail';
import { seriesOf } from './analysis';
import { Gate } from './gate';
import type { HistoryError } from './history';
import { LiveTail, type TailSample } from './live-tail';

/** Questions to history on their way at once. */
const QUESTIONS_AT_ONCE = 3;

/** Samples after which history, which has them rolled up by then, is asked again. */
const RELOAD_AFTER_SAMPLES = 600;

/** After samples were missed history is asked again, but not more often than this. */
const RELOAD_AT_MOST_EVERY_MS = 10_000;

export class Timeline {
  readonly gate = new Gate(QUESTIONS_AT_ONCE);
  readonly #tail = new LiveTail();
  #sinceReload = 0;
  #reloadedMs = Date.now();

  /** The instant all charts point at. */
  cursorMs: number | undefined = $state();
  /** Samples that arrived since the page was opened; a new list for each. */
  tail: readonly TailSample[] = $state.raw([]);
  /** Series the host was seen to send; only ever grows, so that no chart comes and goes. */
  series: readonly string[] = $state.raw([]);
  /** Grows when history is to be asked again. */
  generation = $state(0);
  /** Why charts have no history, by chart. */
  readonly troubles = new SvelteMap<string, HistoryError>();

  /** Takes the newest analysis of the host. */
  take(analysis: Analysis, intervalMs: number): void {
    const values = seriesOf(analysis);
    const place = this.#tail.add({ timestampMs: analysis.timestamp_ms, values }, intervalMs);
    if (place === 'known') return;
    this.tail = [...this.#tail.samples];
    this.#meet(values);
    this.#sinceReload += 1;
    const isLong = this.#sinceReload >= RELOAD_AFTER_SAMPLES;
    const isDue = Date.now() - this.#reloadedMs >= RELOAD_AT_MOST_EVERY_MS;
    if (isDue && (isLong || place === 'after a gap')) this.reload();
  }

  /** Has history asked again. */
  reload(): void {
    this.generation += 1;
    this.#sinceReload = 0;
    this.#reloadedMs = Date.now();
  }

  #meet(values: ReadonlyMap<string, number>): void {
    const fresh = [...values.keys()].filter((name) => !this.series.includes(name));
    if (fresh.length > 0) this.series = [...this.series, ...fresh];
  }
}
