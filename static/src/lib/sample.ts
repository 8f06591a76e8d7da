/** Values that tests share; no part of the page. */

import type { Changes, Info, Snapshot } from './contract';
import { FIGURE, FIGURES, type FigureName } from './figures';
import type { Batch } from './mirror';
import { HostStore } from './store';

export const UP = { state: 'up', since_ms: 0 } as const;
export const FLOWING = { state: 'flowing', since_ms: 0 } as const;

export function snapshotOf(hosts: [number, Info][], rows: unknown[]): Snapshot {
  return {
    type: 'snapshot',
    session: 's',
    number: 0,
    push_interval_ms: 80,
    server_time_ms: 10_000,
    link: UP,
    history: { state: 'on' },
    pipeline: FLOWING,
    hosts,
    rows,
    rejected: [],
  };
}

export function changesOf(more: Partial<Changes>): Changes {
  return {
    type: 'changes',
    number: 1,
    server_time_ms: 11_000,
    hosts: [],
    rows: [],
    points: [],
    gone: [],
    rejected: [],
    ...more,
  };
}

export type Figures = Partial<Record<FigureName, number>>;

/** All figures of a host, those not given absent. */
export function figuresOf(figures: Figures): Float64Array {
  const block = new Float64Array(FIGURES).fill(NaN);
  block[FIGURE.level] = 0;
  for (const name of Object.keys(FIGURE) as FigureName[]) {
    block[FIGURE[name]] = figures[name] ?? block[FIGURE[name]] ?? NaN;
  }
  return block;
}

export interface SampleHost extends Figures {
  readonly host: string;
  readonly info?: Partial<Info>;
}

export function batchOf(hosts: Record<number, SampleHost>, more: Partial<Batch> = {}): Batch {
  const entries = Object.entries(hosts).map(([index, host]) => ({ index: Number(index), host }));
  const figures = new Float64Array(entries.length * FIGURES);
  entries.forEach(({ host }, i) => {
    figures.set(figuresOf(host), i * FIGURES);
  });
  return {
    clockOffsetMs: 0,
    heardServerMs: 10_000,
    generation: 1,
    complete: true,
    arrived: entries.length,
    gone: new Uint32Array(0),
    hosts: entries.map(({ index, host }) => [index, { host: host.host, ...host.info }]),
    indices: Uint32Array.from(entries, ({ index }) => index),
    figures,
    points: new Float64Array(0),
    details: [],
    ...more,
  };
}

/** A store with hosts at the indices of the list. */
export function storeOf(...hosts: SampleHost[]): HostStore {
  const store = new HostStore();
  hosts.forEach(({ host, info, ...figures }, index) => {
    store.tell(index, { host, ...info });
    store.write(index, figuresOf(figures), 0);
  });
  return store;
}
