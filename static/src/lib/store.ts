/**
 * What is known of every host now, as plain columns by the index of the host. No object per update
 * and no signal per host: ten thousand hosts a second cost little more than their numbers.
 */

import type { Info } from './contract';
import { DEFAULT_INTERVAL_MS, FIGURE } from './figures';

/** All of the same length, which doubles as hosts come: ask the store for them, do not keep them. */
export interface Columns {
  /** 0 LOW, 1 MEDIUM, 2 HIGH. */
  readonly level: Uint8Array;
  /** Percentages; NaN where there is none, here and below. */
  readonly cpu: Float32Array;
  readonly memory: Float32Array;
  readonly swap: Float32Array;
  /** The fullest disk. */
  readonly disk: Float32Array;
  /** Over one minute. */
  readonly load: Float32Array;
  /** Bytes a second, all interfaces. */
  readonly receivedBps: Float64Array;
  readonly transmittedBps: Float64Array;
  /** The hottest sensor, degrees Celsius. */
  readonly temperature: Float32Array;
  readonly cpuLevel: Uint8Array;
  readonly memoryLevel: Uint8Array;
  readonly swapLevel: Uint8Array;
  readonly diskLevel: Uint8Array;
  /** When the host sampled, by its clock. */
  readonly timestampMs: Float64Array;
  /** When the server received it, by the server's clock. */
  readonly receivedMs: Float64Array;
  /** Time between samples: as promised, else as seen, else a second. */
  readonly intervalMs: Float64Array;
}

export type Freshness = 'fresh' | 'late' | 'silent';

/** Without news for this many of its intervals a host is late. */
export const LATE_INTERVALS = 3;

/** Without news for this many of its intervals, and at least for `SILENT_MS`, it is silent. */
export const SILENT_INTERVALS = 10;
export const SILENT_MS = 15_000;

export interface Store {
  readonly columns: Columns;
  /** Hosts there are. */
  readonly size: number;
  has(index: number): boolean;
  info(index: number): Info | undefined;
  indexOf(host: string): number | undefined;
  /** Indices of the hosts there are. */
  all(): Iterable<number>;
  /**
   * How fresh the figures of a host are. Always `fresh` while it cannot be told, because the way
   * from the hosts to this page is broken elsewhere: `Fleet.isJudging` says whether it can.
   */
  freshness(index: number, serverNowMs: number): Freshness;
}

/** The store as its one writer sees it. */
export class HostStore implements Store {
  #columns = makeColumns(64);
  #infos: (Info | undefined)[] = [];
  readonly #byName = new Map<string, number>();
  #size = 0;
  /** Silence before this moment, by the server's clock, is not the hosts' own; see `Judgement`. */
  judgedFromMs = -Infinity;
  /** Up to this moment, by the server's clock, the page would have heard what there was to hear. */
  judgedUntilMs = Infinity;

  get columns(): Columns {
    return this.#columns;
  }

  get size(): number {
    return this.#size;
  }

  has(index: number): boolean {
    return this.#infos[index] !== undefined;
  }

  info(index: number): Info | undefined {
    return this.#infos[index];
  }

  indexOf(host: string): number | undefined {
    return this.#byName.get(host);
  }

  /** In the order in which hosts were told, which for a snapshot is that of their names. */
  all(): Iterable<number> {
    return this.#byName.values();
  }

  /** For how long the host may be blamed for being silent. */
  #silenceMs(index: number, serverNowMs: number): number {
    const untilMs = Math.min(serverNowMs, this.judgedUntilMs);
    return untilMs - Math.max(this.#columns.receivedMs[index] ?? NaN, this.judgedFromMs);
  }

  freshness(index: number, serverNowMs: number): Freshness {
    const silenceMs = this.#silenceMs(index, serverNowMs);
    const intervalMs = this.#columns.intervalMs[index] ?? DEFAULT_INTERVAL_MS;
    if (!(silenceMs > LATE_INTERVALS * intervalMs)) return 'fresh';
    return silenceMs > Math.max(SILENT_MS, SILENT_INTERVALS * intervalMs) ? 'silent' : 'late';
  }

  /** A host that came, or of which something beside its figures changed. */
  tell(index: number, info: Info): void {
    if (index >= this.#columns.level.length) this.#grow(index);
    const before = this.#infos[index];
    if (before === undefined) {
      this.#size += 1;
      erase(this.#columns, index);
    } else if (before.host !== info.host) {
      this.#byName.delete(before.host);
    }
    this.#infos[index] = info;
    this.#byName.set(info.host, index);
  }

  forget(index: number): void {
    const info = this.#infos[index];
    if (info === undefined) return;
    this.#infos[index] = undefined;
    if (this.#byName.get(info.host) === index) this.#byName.delete(info.host);
    this.#size -= 1;
  }

  /** Takes all figures of a host, in the order of `FIGURE`, from a block that holds many. */
  write(index: number, figures: Float64Array, start: number): void {
    if (!this.has(index)) return;
    const columns = this.#columns;
    const at = (figure: number) => figures[start + figure] ?? NaN;
    columns.timestampMs[index] = at(FIGURE.timestampMs);
    columns.receivedMs[index] = at(FIGURE.receivedMs);
    // A level that is not there reads as LOW: nothing to worry about is known.
    columns.level[index] = at(FIGURE.level);
    columns.cpu[index] = at(FIGURE.cpu);
    columns.memory[index] = at(FIGURE.memory);
    columns.swap[index] = at(FIGURE.swap);
    columns.disk[index] = at(FIGURE.disk);
    columns.load[index] = at(FIGURE.load);
    columns.receivedBps[index] = at(FIGURE.receivedBps);
    columns.transmittedBps[index] = at(FIGURE.transmittedBps);
    columns.temperature[index] = at(FIGURE.temperature);
    columns.cpuLevel[index] = at(FIGURE.cpuLevel);
    columns.memoryLevel[index] = at(FIGURE.memoryLevel);
    columns.swapLevel[index] = at(FIGURE.swapLevel);
    columns.diskLevel[index] = at(FIGURE.diskLevel);
    const promisedMs = at(FIGURE.promisedIntervalMs);
    const seenMs = at(FIGURE.seenIntervalMs);
    columns.intervalMs[index] = promisedMs || seenMs || DEFAULT_INTERVAL_MS;
  }

  /** Becomes another store, which is not to be used any more. */
  replaceBy(other: HostStore): void {
    this.#columns = other.#columns;
    this.#infos = other.#infos;
    this.#size = other.#size;
    this.#byName.clear();
    for (const [name, index] of other.#byName) this.#byName.set(name, index);
  }

  #grow(index: number): void {
    let length = this.#columns.level.length;
    while (length <= index) length *= 2;
    const grown = makeColumns(length);
    for (const name of Object.keys(grown) as (keyof Columns)[]) {
      grown[name].set(this.#columns[name]);
    }
    this.#columns = grown;
  }
}

function makeColumns(length: number): Columns {
  return {
    level: new Uint8Array(length),
    cpu: new Float32Array(length),
    memory: new Float32Array(length),
    swap: new Float32Array(length),
    disk: new Float32Array(length),
    load: new Float32Array(length),
    receivedBps: new Float64Array(length),
    transmittedBps: new Float64Array(length),
    temperature: new Float32Array(length),
    cpuLevel: new Uint8Array(length),
    memoryLevel: new Uint8Array(length),
    swapLevel: new Uint8Array(length),
    diskLevel: new Uint8Array(length),
    timestampMs: new Float64Array(length),
    receivedMs: new Float64Array(length),
    intervalMs: new Float64Array(length),
  };
}

/** What an index held belongs to a host that is gone. */
function erase(columns: Columns, index: number): void {
  for (const column of Object.values(columns) as Columns[keyof Columns][]) column[index] = NaN;
  columns.intervalMs[index] = DEFAULT_INTERVAL_MS;
}
