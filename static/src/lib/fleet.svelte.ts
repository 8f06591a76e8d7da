/** What is known of every host now, in a shape that updates only what is looked at. */

import { untrack } from 'svelte';
import type { Batch } from './coalesce';
import type { Analysis, Level } from './contract';
import { compareNames, select, type Listed, type View } from './filter';
import { DEFAULT_INTERVAL_MS, Series } from './series';

/** A host without news for this many of its intervals is late. */
const LATE_INTERVALS = 3;

/** For how long after a sample that came late a host counts as back-filling. */
const BACK_FILLING_MS = 10_000;

/** Time between two re-orderings of the list: rows that jump more often cannot be read. */
const REORDER_MS = 500;

/**
 * One host. Figures are one signal, points another, so that a row out of sight costs nothing more
 * than two assignments.
 */
export class HostEntry implements Listed {
  readonly name: string;
  readonly series = new Series();
  nameRank = 0;
  /** The snapshot that last held this host. */
  generation = 0;
  analysis: Analysis;
  /** Changes with the points; the series itself is not reactive. */
  pointsVersion = $state(0);
  /** Time between samples: as promised, else as seen, else the default. */
  intervalMs = DEFAULT_INTERVAL_MS;

  constructor(analysis: Analysis) {
    this.name = analysis.host;
    this.analysis = $state.raw(analysis);
  }

  get level(): Level {
    return this.analysis.level;
  }

  get cpuPercentage(): number {
    return this.analysis.cpu_percentage;
  }

  get memoryPercentage(): number | undefined {
    const memory = this.analysis.memory;
    return memory && Math.min(100, (100 * memory.used_bytes) / memory.total_bytes);
  }

  get load(): number | undefined {
    return this.analysis.load_average?.[0];
  }

  get receivedMs(): number {
    return this.analysis.received_ms;
  }

  /** Age of the last sample by the server's clock, so that a host's wrong clock does not show here. */
  ageMs(serverNowMs: number): number {
    return serverNowMs - this.analysis.received_ms;
  }

  isLate(serverNowMs: number): boolean {
    return this.ageMs(serverNowMs) > LATE_INTERVALS * this.intervalMs;
  }

  /** Whether samples arrive that are older than those already here. */
  isBackFilling(serverNowMs: number): boolean {
    const lateMs = this.analysis.late_ms;
    return lateMs !== undefined && serverNowMs - lateMs <= BACK_FILLING_MS;
  }

  /** `points` holds timestamp and percentage in turn. */
  apply(analysis: Analysis, points: Float64Array, replacesPoints: boolean): void {
    if (replacesPoints) this.series.clear();
    // Every message tells the latest: the server has decided what is newer.
    this.analysis = analysis;
    for (let i = 0; i + 1 < points.length; i += 2) {
      this.series.insert(points[i] ?? 0, points[i + 1] ?? 0);
    }
    // Points of a future that the host's clock has been set back from, old and just come.
    this.series.dropAfter(analysis.timestamp_ms);
    if (points.length > 0 || replacesPoints) this.pointsVersion += 1;
    this.intervalMs =
      this.analysis.interval_ms ?? this.series.medianIntervalMs() ?? DEFAULT_INTERVAL_MS;
  }
}

export type Counts = Readonly<Record<Level, number>>;

export class Fleet {
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- the list has a pace of its own
  readonly #hosts = new Map<string, HostEntry>();
  readonly #counts: Record<Level, number> = { HIGH: 0, MEDIUM: 0, LOW: 0 };
  #ranksAreStale = false;
  #orderIsStale = false;
  #orderedAtMs = -Infinity;
  #generation = 0;

  total = $state(0);
  counts: Counts = $state.raw({ HIGH: 0, MEDIUM: 0, LOW: 0 });
  /** Whether a whole snapshot has arrived: only then does "no host" mean that there is none. */
  known = $state(false);
  late = $state(0);
  /** Changes when the list may read differently, at a pace that can be read. */
  #order = $state(0);

  get(name: string): HostEntry | undefined {
    return this.#hosts.get(name);
  }

  apply(batch: Batch): void {
    untrack(() => {
      let offset = 0;
      batch.analyses.forEach((analysis, i) => {
        const end = offset + 2 * (batch.pointCounts[i] ?? 0);
        const entry = this.#entry(analysis);
        this.#counts[entry.level] -= 1;
        const replacesPoints = batch.replacesPoints[i] ?? false;
        entry.apply(analysis, batch.points.subarray(offset, end), replacesPoints);
        entry.generation = batch.generation;
        this.#counts[entry.level] += 1;
        offset = end;
      });
      if (batch.analyses.length > 0) this.#orderIsStale = true;
      if (batch.complete && batch.generation !== this.#generation) {
        this.#generation = batch.generation;
        this.#removeUnseen();
        this.known = true;
        this.#orderedAtMs = -Infinity;
        this.#orderIsStale = true;
      }
      this.counts = { ...this.#counts };
      this.total = this.#hosts.size;
    });
  }

  /** To be called a few times a second: lets the list follow, if it is time and something changed. */
  settle(nowMs: number, serverNowMs: number): void {
    if (nowMs - this.#orderedAtMs < REORDER_MS) return;
    this.#orderedAtMs = nowMs;
    untrack(() => {
      let late = 0;
      for (const host of this.#hosts.values()) if (host.isLate(serverNowMs)) late += 1;
      this.late = late;
      if (this.#orderIsStale) {
        this.#orderIsStale = false;
        this.#order += 1;
      }
    });
  }

  /**
   * The hosts a view lists. Follows the fleet at the pace of `settle`, and the view at once; empty
   * until the first `settle`.
   */
  list(view: View): HostEntry[] {
    if (this.#order === 0) return [];
    return untrack(() => {
      this.#rankNames();
      return select(this.#hosts.values(), view);
    });
  }

  #entry(analysis: Analysis): HostEntry {
    const known = this.#hosts.get(analysis.host);
    if (known !== undefined) return known;
    const entry = new HostEntry(analysis);
    this.#hosts.set(entry.name, entry);
    this.#counts[entry.level] += 1;
    this.#ranksAreStale = true;
    return entry;
  }

  #removeUnseen(): void {
    for (const [name, entry] of this.#hosts) {
      if (entry.generation === this.#generation) continue;
      this.#hosts.delete(name);
      this.#counts[entry.level] -= 1;
      this.#ranksAreStale = true;
    }
  }

  /** Comparing names as people do is slow, so it is done only when a host comes or goes. */
  #rankNames(): void {
    if (!this.#ranksAreStale) return;
    this.#ranksAreStale = false;
    const entries = [...this.#hosts.values()].sort((a, b) => compareNames(a.name, b.name));
    entries.forEach((entry, rank) => (entry.nameRank = rank));
  }
}
