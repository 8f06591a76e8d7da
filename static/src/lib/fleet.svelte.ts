/** The reactive face of the store: what lists, counts and titles follow, at a pace that can be read. */

import { untrack } from 'svelte';
import { LEVEL_BY_NUMBER, type DetailOfHost, type Info, type Level } from './contract';
import { FIGURES } from './figures';
import { POINT_NUMBERS, type Batch } from './mirror';
import { Series } from './series';
import { HostStore, type Store } from './store';

export type Counts = Readonly<Record<Level, number>>;

/** Time between two steps of `version`: rows that jump more often cannot be read. */
const SETTLE_MS = 500;

export class Fleet {
  readonly #store = new HostStore();
  /** A snapshot of which not every host has arrived yet. */
  #staged: { readonly generation: number; readonly store: HostStore } | undefined;
  #generation = 0;
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- points are drawn, not rendered
  readonly #series = new Map<number, Series>();
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- called, not rendered
  readonly #listeners = new Set<(indices: Uint32Array) => void>();
  #changed = false;
  #settledAtMs = -Infinity;

  /** What is known of each host; not reactive, see `version` and `membership`. */
  readonly store: Store = this.#store;
  /** Whether a whole snapshot has arrived: only then does "no host" mean that there is none. */
  known = $state(false);
  total = $state(0);
  counts: Counts = $state.raw({ HIGH: 0, MEDIUM: 0, LOW: 0 });
  late = $state(0);
  silent = $state(0);
  /** Whether hosts can be called late or silent; otherwise all figures are the last known. */
  isJudging = $state(false);
  /**
   * Grows when any figure or the freshness of a host changed, at most twice a second, and at once
   * when an index is no longer the host it was or the first host comes: lists and sorts follow this, and this alone.
   */
  version = $state(0);
  /** Grows when hosts come, go or get other labels: what they are listed and grouped by. */
  membership = $state(0);
  /** Details of the hosts looked at, by name. */
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- replaced as a whole
  #details: ReadonlyMap<string, DetailOfHost> = $state.raw(new Map());

  /** The snapshot whose indices the store has. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Runs `listener` with the hosts of every batch that was applied, those with new points too, until
   * the answer is called.
   */
  onChange(listener: (indices: Uint32Array) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reactive: the host may come, go, or get another index. */
  indexOf(host: string): number | undefined {
    return this.membership > 0 ? this.#store.indexOf(host) : undefined;
  }

  /** Recent points of a row that is looked at; it fills as they arrive. */
  series(index: number): Series | undefined {
    return this.#series.get(index);
  }

  /** Reactive; `undefined` while nothing was told, `null` when the server does not know the host. */
  detail(host: string): DetailOfHost | undefined {
    return this.#details.get(host);
  }

  /** Keeps points of these rows and details of these hosts, and of no others. */
  lookAt(rows: readonly number[], hosts: readonly string[]): void {
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- lives for this call only
    const wanted = new Set(rows);
    for (const index of this.#series.keys()) if (!wanted.has(index)) this.#series.delete(index);
    for (const index of wanted) {
      if (!this.#series.has(index)) this.#series.set(index, new Series());
    }
    untrack(() => {
      const kept = [...this.#details].filter(([host]) => hosts.includes(host));
      // eslint-disable-next-line svelte/prefer-svelte-reactivity -- replaced as a whole
      if (kept.length < this.#details.size) this.#details = new Map(kept);
    });
  }

  apply(batch: Batch): void {
    untrack(() => {
      const store = this.#storeFor(batch);
      for (const index of batch.gone) {
        store.forget(index);
        if (store === this.#store) this.#series.delete(index);
      }
      let membershipChanged = batch.gone.length > 0;
      for (const [index, info] of batch.hosts) {
        membershipChanged ||= !isListedAlike(store.info(index), info);
        store.tell(index, info);
      }
      batch.indices.forEach((index, i) => {
        store.write(index, batch.figures, i * FIGURES);
      });
      this.#changed ||= batch.indices.length > 0 || batch.gone.length > 0;
      const isSwapped = batch.complete && this.#swap(batch.generation);
      if (batch.details.length > 0) {
        // eslint-disable-next-line svelte/prefer-svelte-reactivity -- replaced as a whole
        this.#details = new Map([...this.#details, ...batch.details]);
      }
      if (this.#staged !== undefined) return;
      const drawn = this.#applyPoints(batch);
      // The first host of all is not to wait: without it lists say that none matches.
      const isFirst = this.total === 0 && this.#store.size > 0;
      if (batch.gone.length > 0 || isSwapped || isFirst) this.version += 1;
      if (membershipChanged || isSwapped) {
        this.membership += 1;
        this.total = this.#store.size;
      }
      const indices = new Uint32Array(batch.indices.length + drawn.size);
      indices.set(batch.indices);
      indices.set([...drawn], batch.indices.length);
      for (const listener of this.#listeners) listener(indices);
    });
  }

  /** To be called a few times a second: counts anew and lets lists follow, if something changed. */
  settle(nowMs: number, serverNowMs: number, judgedFromMs: number, judgedUntilMs = Infinity): void {
    untrack(() => {
      this.#store.judgedFromMs = judgedFromMs;
      this.#store.judgedUntilMs = judgedUntilMs;
      this.isJudging = judgedFromMs !== Infinity;
      if (!this.known || nowMs - this.#settledAtMs < SETTLE_MS - 50) return;
      this.#settledAtMs = nowMs;
      const { late, silent } = this;
      this.#count(serverNowMs);
      // Nothing arrives from a host that falls silent, and yet lists by freshness change.
      this.#changed ||= this.late !== late || this.silent !== silent;
      if (!this.#changed) return;
      this.#changed = false;
      this.version += 1;
    });
  }

  #storeFor(batch: Batch): HostStore {
    if (batch.generation === this.#generation) return this.#store;
    // A newer snapshot may come before all of the last one has: nothing of that one is to stay.
    if (this.#staged?.generation !== batch.generation) {
      this.#staged = { generation: batch.generation, store: new HostStore() };
    }
    return this.#staged.store;
  }

  /** A snapshot replaces everything at once, so that a list never shows half of one. */
  #swap(generation: number): boolean {
    if (this.#staged === undefined) return false;
    this.#store.replaceBy(this.#staged.store);
    this.#staged = undefined;
    this.#generation = generation;
    this.#series.clear();
    this.known = true;
    this.#changed = false;
    this.#settledAtMs = -Infinity;
    return true;
  }

  /** Answers with the hosts of which there are new points. */
  #applyPoints(batch: Batch): Set<number> {
    const { timestampMs } = this.#store.columns;
    for (const index of batch.indices) {
      // Points of a future that the host's clock has been set back from.
      this.#series.get(index)?.dropAfter(timestampMs[index] ?? Infinity);
    }
    const { points } = batch;
    // eslint-disable-next-line svelte/prefer-svelte-reactivity -- lives for this call only
    const drawn = new Set<number>();
    for (let i = 0; i < points.length; i += POINT_NUMBERS) {
      const index = points[i] ?? -1;
      const timeMs = points[i + 1] ?? NaN;
      if (timeMs > (timestampMs[index] ?? Infinity)) continue;
      this.#series.get(index)?.insert(timeMs, points[i + 2] ?? NaN);
      drawn.add(index);
    }
    return drawn;
  }

  #count(serverNowMs: number): void {
    const { level } = this.#store.columns;
    const counts: Record<Level, number> = { HIGH: 0, MEDIUM: 0, LOW: 0 };
    let late = 0;
    let silent = 0;
    for (const index of this.#store.all()) {
      counts[LEVEL_BY_NUMBER[level[index] ?? 0] ?? 'LOW'] += 1;
      const freshness = this.#store.freshness(index, serverNowMs);
      if (freshness === 'late') late += 1;
      else if (freshness === 'silent') silent += 1;
    }
    const before = this.counts;
    const isNew = LEVEL_BY_NUMBER.some((one) => before[one] !== counts[one]);
    if (isNew) this.counts = counts;
    this.late = late;
    this.silent = silent;
  }
}

/** Whether what is known of a host beside its figures keeps its place in lists and groups. */
function isListedAlike(before: Info | undefined, now: Info): boolean {
  if (before?.host !== now.host) return false;
  const [labels, others] = [before.labels ?? {}, now.labels ?? {}];
  const names = Object.keys(labels);
  return (
    names.length === Object.keys(others).length &&
    names.every((name) => labels[name] === others[name])
  );
}

export const fleet = new Fleet();
