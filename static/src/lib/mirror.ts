/**
 * What the server has told, kept in the worker as plain numbers, and what of it the page has not
 * taken yet.
 *
 * The page takes one bounded batch at a time and asks for the next when it has applied it. A page
 * that is slow, or in the background, therefore finds the newest state waiting, never a queue of
 * old ones: a host that changed ten times meanwhile is handed over once. What is kept is bounded by
 * the number of hosts, and by the points kept of each row looked at.
 */

import { Ledger, type ActiveAlerts } from './alerts/ledger';
import {
  isHostIndex,
  type Changes,
  type Condition,
  type DetailOfHost,
  type DetailTold,
  type History,
  type Info,
  type Link,
  type Pipeline,
  type Points,
  type Resumed,
  type Snapshot,
  type Told,
} from './contract';
import { FIGURE, FIGURES } from './figures';
import { POINTS_KEPT } from './generated/constants';
import { ContractError } from './guard';
import { sortByName } from './names';
import { readPoint, readPointList, readRow } from './rows';
import { ServerClock } from './server-clock';

/** Hosts in one batch: a few milliseconds of the page's time, a whole fleet in a few frames. */
export const BATCH_HOSTS = 1_000;

/** Numbers that tell a point in a batch: index of the host, time, percentage. */
export const POINT_NUMBERS = 3;

/** One step for the page; made to cross from worker to page cheaply. */
export interface Batch {
  /** Server clock minus the clock of this machine, in milliseconds. */
  readonly clockOffsetMs: number;
  /** What the server's clock read when it sent the newest message heard. */
  readonly heardServerMs: number;
  /** Counts snapshots: a new one replaces all that was known, once it is complete. */
  readonly generation: number;
  /** Whether every host of this generation has been handed over. */
  readonly complete: boolean;
  /** How many samples arrived since the last batch, coalesced ones included. */
  readonly arrived: number;
  readonly link?: Link;
  readonly history?: History;
  readonly pipeline?: Pipeline;
  /** Nothing is told more often than this. */
  readonly pushIntervalMs?: number;
  /** All active ones, when something about them changed. */
  readonly alerts?: ActiveAlerts;
  /** To be applied in this order: hosts that are gone, hosts, their figures, points. */
  readonly gone: Uint32Array<ArrayBuffer>;
  readonly hosts: readonly Told[];
  /** Hosts whose figures follow in `figures`, all of each, in the order of `FIGURE`. */
  readonly indices: Uint32Array<ArrayBuffer>;
  readonly figures: Float64Array<ArrayBuffer>;
  /** Points of rows looked at, `POINT_NUMBERS` each. */
  readonly points: Float64Array<ArrayBuffer>;
  readonly details: readonly (readonly [host: string, detail: DetailOfHost])[];
}

export class Mirror {
  /** What was told of alerts. */
  readonly alerts = new Ledger();
  readonly #complain: (sentence: string) => void;
  #figures = new Float64Array(0);
  /** Hosts told since the snapshot. */
  readonly #known = new Set<number>();
  /** Hosts of which the page lacks something, the longest waiting first. */
  readonly #changed = new Set<number>();
  readonly #infos = new Map<number, Info>();
  readonly #gone = new Set<number>();
  /** For each row looked at, its points that the page lacks: time and percentage in turn. */
  readonly #points = new Map<number, number[]>();
  readonly #details = new Map<string, DetailOfHost>();
  readonly #clock = new ServerClock();
  #generation = 0;
  /** Hosts of the newest snapshot still to be handed over. */
  readonly #snapshotLeft = new Set<number>();
  #arrived = 0;
  #link: Link | undefined;
  #history: History | undefined;
  #pipeline: Pipeline | undefined;
  #pushIntervalMs: number | undefined;
  #isFresh = false;

  /** `complain` is told, in a sentence, of each part of a message that had to be left out. */
  constructor(complain: (sentence: string) => void) {
    this.#complain = complain;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Notes the time of the first message of a connection; `nowMs` is this machine's clock. */
  begin(serverTimeMs: number, nowMs: number): void {
    this.#clock.begin(serverTimeMs, nowMs);
    this.#isFresh = true;
  }

  /** The same of any later message; whether it was sent on this connection, not before it. */
  heard(serverTimeMs: number, nowMs: number): boolean {
    this.#isFresh = true;
    return this.#clock.note(serverTimeMs, nowMs);
  }

  snapshot(snapshot: Snapshot): void {
    this.#generation += 1;
    this.#known.clear();
    this.#changed.clear();
    this.#infos.clear();
    this.#gone.clear();
    for (const points of this.#points.values()) points.length = 0;
    this.#pushIntervalMs = snapshot.push_interval_ms;
    this.conditions(snapshot);
    // In the order of names, so that the page has little left to do to list them.
    this.#hosts(sortByName(snapshot.hosts, ([, info]) => info.host));
    this.#rows(snapshot.rows, snapshot.server_time_ms);
    this.#snapshotLeft.clear();
    for (const index of this.#changed) this.#snapshotLeft.add(index);
  }

  /**
   * Answers whether every row could be read: what later rows tell is the difference to those before,
   * so that after one that is left out its host is no longer what the server has told.
   */
  changes(changes: Changes): boolean {
    for (const index of changes.gone) this.#forget(index);
    this.#hosts(changes.hosts);
    this.#arrived += changes.rows.length;
    const isWhole = this.#rows(changes.rows, changes.server_time_ms);
    for (const point of changes.points) {
      this.#orComplain(() => {
        const [index, timestampMs, cpu] = readPoint(point);
        this.#point(index, timestampMs, cpu);
      });
    }
    return isWhole;
  }

  conditions(told: Snapshot | Resumed): void {
    this.#link = told.link;
    this.#history = told.history;
    this.#pipeline = told.pipeline;
  }

  condition(told: Condition): void {
    if (told.type === 'link') this.#link = told.link;
    else if (told.type === 'history') this.#history = told.history;
    else this.#pipeline = told.pipeline;
  }

  /** The answer to a look: what was before. */
  points(told: Points): void {
    for (const one of told.hosts) {
      this.#orComplain(() => {
        const { index, points } = readPointList(one);
        const waiting = this.#points.get(index);
        // They go before what came since; the page puts each in its place.
        waiting?.unshift(...points.slice(-2 * POINTS_KEPT));
      });
    }
  }

  detail(told: DetailTold): void {
    this.#details.set(told.host, told.detail);
  }

  /** From now on keeps the points of these rows, and of no others. */
  lookAt(rows: readonly number[]): void {
    const wanted = new Set(rows);
    for (const index of this.#points.keys()) if (!wanted.has(index)) this.#points.delete(index);
    for (const index of wanted) if (!this.#points.has(index)) this.#points.set(index, []);
  }

  /** The next step, or `null` when the page knows everything. */
  next(): Batch | null {
    if (!this.#isFresh && this.#changed.size === 0 && this.#gone.size === 0) return null;
    const alerts = this.alerts.next();
    const gone = Uint32Array.from(this.#gone);
    this.#gone.clear();
    const indices = new Uint32Array(Math.min(BATCH_HOSTS, this.#changed.size));
    const figures = new Float64Array(indices.length * FIGURES);
    const hosts: Told[] = [];
    let taken = 0;
    for (const index of this.#changed) {
      if (taken === indices.length) break;
      this.#changed.delete(index);
      this.#snapshotLeft.delete(index);
      const info = this.#infos.get(index);
      if (info !== undefined) {
        hosts.push([index, info]);
        this.#infos.delete(index);
      }
      indices[taken] = index;
      figures.set(this.#figures.subarray(index * FIGURES, (index + 1) * FIGURES), taken * FIGURES);
      taken += 1;
    }
    const batch: Batch = {
      clockOffsetMs: this.#clock.offsetMs,
      heardServerMs: this.#clock.newestMs,
      generation: this.#generation,
      complete: this.#snapshotLeft.size === 0,
      arrived: this.#arrived,
      ...(this.#link && { link: this.#link }),
      ...(this.#history && { history: this.#history }),
      ...(this.#pipeline && { pipeline: this.#pipeline }),
      ...(this.#pushIntervalMs !== undefined && { pushIntervalMs: this.#pushIntervalMs }),
      ...(alerts && { alerts }),
      gone,
      hosts,
      indices,
      figures,
      points: this.#takePoints(),
      details: [...this.#details],
    };
    this.#details.clear();
    this.#link = undefined;
    this.#history = undefined;
    this.#pipeline = undefined;
    this.#pushIntervalMs = undefined;
    this.#arrived = 0;
    this.#isFresh = false;
    return batch;
  }

  #hosts(hosts: readonly Told[]): void {
    for (const [index, info] of hosts) {
      this.#makeRoom(index);
      const start = index * FIGURES;
      if (!this.#known.has(index)) {
        this.#known.add(index);
        this.#figures.fill(NaN, start, start + FIGURES);
      }
      this.#figures[start + FIGURE.promisedIntervalMs] = info.interval_ms ?? NaN;
      this.#infos.set(index, info);
      this.#changed.add(index);
    }
  }

  #rows(rows: readonly unknown[], serverTimeMs: number): boolean {
    let isWhole = true;
    for (const row of rows) {
      const isRead = this.#orComplain(() => {
        const index: unknown = Array.isArray(row) ? row[0] : undefined;
        if (!isHostIndex(index)) throw new ContractError('a row must begin with an index');
        if (!this.#known.has(index)) {
          // Its host was left out when it was told, and would be again.
          this.#complain('a row must begin with the index of a host that was told');
          return;
        }
        readRow(row as readonly unknown[], this.#figures, index * FIGURES, serverTimeMs);
        this.#changed.add(index);
        this.#point(
          index,
          this.#figures[index * FIGURES + FIGURE.timestampMs] ?? NaN,
          this.#figures[index * FIGURES + FIGURE.cpu] ?? NaN,
        );
      });
      isWhole &&= isRead;
    }
    return isWhole;
  }

  /** Notes a point if its row is looked at. */
  #point(index: number, timestampMs: number, cpu: number): void {
    const waiting = this.#points.get(index);
    if (waiting === undefined || Number.isNaN(cpu)) return;
    waiting.push(timestampMs, cpu);
    if (waiting.length > 2 * POINTS_KEPT) waiting.splice(0, waiting.length - 2 * POINTS_KEPT);
  }

  #takePoints(): Float64Array<ArrayBuffer> {
    const taken: number[] = [];
    for (const [index, points] of this.#points) {
      for (let i = 0; i < points.length; i += 2) {
        taken.push(index, points[i] ?? NaN, points[i + 1] ?? NaN);
      }
      points.length = 0;
    }
    return new Float64Array(taken);
  }

  #forget(index: number): void {
    this.#known.delete(index);
    this.#changed.delete(index);
    this.#snapshotLeft.delete(index);
    this.#infos.delete(index);
    this.#points.delete(index);
    this.#gone.add(index);
  }

  #makeRoom(index: number): void {
    const needed = (index + 1) * FIGURES;
    if (needed <= this.#figures.length) return;
    const roomier = new Float64Array(Math.max(needed, 2 * this.#figures.length, 64 * FIGURES));
    roomier.set(this.#figures);
    this.#figures = roomier;
  }

  /** One part that cannot be read does not take the others with it. Answers whether it could. */
  #orComplain(read: () => void): boolean {
    try {
      read();
      return true;
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      this.#complain(error.message);
      return false;
    }
  }
}
