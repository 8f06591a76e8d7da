/** What all charts of one host share: the live tail, the cursor, and what history had to say. */

import { SvelteMap } from 'svelte/reactivity';
import type { Analysis } from '../detail';
import { seriesOf } from './analysis';
import { Gate } from './gate';
import type { HistoryError } from './history';
import { LiveTail, type TailSample } from './live-tail';

/** Questions to history on their way at once. */
const QUESTIONS_AT_ONCE = 3;

/** Series followed; a server keeps no more of one host either. */
const SERIES_AT_MOST = 256;

/** Samples after which history, which has them rolled up by then, is asked again. */
const RELOAD_AFTER_SAMPLES = 600;

/** History is not asked again more often than this, whatever there is to ask for. */
const RELOAD_AT_MOST_EVERY_MS = 10_000;

/** A sample that came late is in history after this long. */
const WRITTEN_AFTER_MS = 2_000;

export class Timeline {
  readonly gate = new Gate(QUESTIONS_AT_ONCE);
  readonly #tail = new LiveTail();
  #sinceReload = 0;
  #reloadedMs = Date.now();
  #lateSamples: number | undefined;
  /** When history was first, and last, seen to hold what it did not hold when it was asked. */
  #wanted: { readonly sinceMs: number; lastMs: number } | undefined;

  /** The instant all charts point at. */
  cursorMs: number | undefined = $state();
  /** Samples that arrived since the page was opened; a new list for each. */
  tail: readonly TailSample[] = $state.raw([]);
  /** The first series the host was seen to send, up to a bound; only ever grows, so that no chart comes and goes. */
  series: readonly string[] = $state.raw([]);
  /** Grows when history is to be asked again. */
  generation = $state(0);
  /** Why charts have no history, by chart. */
  readonly troubles = new SvelteMap<string, HistoryError>();

  /**
   * Takes the newest analysis of the host, how far apart samples are that have a gap between them,
   * and how many of its samples came late: those are told by history alone.
   */
  take(analysis: Analysis, limitMs: number, lateSamples: number): void {
    if (this.#lateSamples !== undefined && lateSamples > this.#lateSamples) this.#want();
    this.#lateSamples = lateSamples;
    this.#add(analysis, limitMs);
    if (this.#isDue()) this.reload();
  }

  #add(analysis: Analysis, limitMs: number): void {
    const values = seriesOf(analysis);
    const place = this.#tail.add({ timestampMs: analysis.timestamp_ms, values }, limitMs);
    if (place === 'known') return;
    this.tail = [...this.#tail.samples];
    this.#meet(values);
    this.#sinceReload += 1;
    if (place !== 'next' || this.#sinceReload === RELOAD_AFTER_SAMPLES) this.#want();
  }

  #want(): void {
    const nowMs = Date.now();
    if (this.#wanted === undefined) this.#wanted = { sinceMs: nowMs, lastMs: nowMs };
    else this.#wanted.lastMs = nowMs;
  }

  #isDue(): boolean {
    if (this.#wanted === undefined) return false;
    const nowMs = Date.now();
    return (
      nowMs - this.#wanted.sinceMs >= WRITTEN_AFTER_MS &&
      nowMs - this.#reloadedMs >= RELOAD_AT_MOST_EVERY_MS
    );
  }

  /** Has history asked again. */
  reload(): void {
    this.generation += 1;
    this.#sinceReload = 0;
    const nowMs = Date.now();
    this.#reloadedMs = nowMs;
    // What came a moment ago may not be written yet: it is worth another question.
    const isWritten = this.#wanted === undefined || nowMs - this.#wanted.lastMs >= WRITTEN_AFTER_MS;
    this.#wanted = isWritten ? undefined : { sinceMs: nowMs, lastMs: nowMs };
  }

  #meet(values: ReadonlyMap<string, number>): void {
    const fresh = [...values.keys()].filter((name) => !this.series.includes(name));
    const room = SERIES_AT_MOST - this.series.length;
    if (fresh.length > 0 && room > 0) this.series = [...this.series, ...fresh.slice(0, room)];
  }
}
