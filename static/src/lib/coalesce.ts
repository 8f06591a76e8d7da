/**
 * What has arrived from the server and not yet been taken by the page, one entry a host.
 *
 * The page takes one bounded batch at a time and asks for the next when it has applied it. A page
 * that is slow, or in the background, therefore finds the newest state waiting, never a queue of
 * old ones; what is kept here is bounded by the number of hosts and the points kept of each.
 */

import type { Analysis, Changes, History, Host, Link, Point, Snapshot } from './contract';
import { compareNames } from './filter';
import { POINTS_KEPT } from './series';

/** Hosts in one batch: small enough for a fraction of a frame, large enough for thousands a second. */
export const BATCH_HOSTS = 100;

/** One step for the page; made to cross from worker to page cheaply. */
export interface Batch {
  /** Server clock minus the clock of this machine, in milliseconds. */
  readonly clockOffsetMs: number;
  /** Counts snapshots: a host not seen in the newest one is gone once it is complete. */
  readonly generation: number;
  /** Whether every host of this generation has been handed over. */
  readonly complete: boolean;
  /** How many analyses arrived since the last batch, coalesced ones included. */
  readonly arrived: number;
  readonly link?: Link;
  readonly history?: History;
  readonly serverVersion?: string;
  readonly analyses: readonly Analysis[];
  /** For each analysis: how many points it brings, and whether they replace the known ones. */
  readonly pointCounts: readonly number[];
  readonly replacesPoints: readonly boolean[];
  /** Timestamp and percentage in turn, all hosts in one block that is moved, not copied. */
  readonly points: Float64Array<ArrayBuffer>;
}

interface Pending {
  analysis: Analysis;
  points: Point[];
  replacesPoints: boolean;
}

export class Coalescer {
  readonly #pending = new Map<string, Pending>();
  #clockOffsetMs = 0;
  #generation = 0;
  /** Hosts of the newest snapshot still to be handed over. */
  #snapshotLeft = 0;
  #arrived = 0;
  #link: Link | undefined;
  #history: History | undefined;
  #serverVersion: string | undefined;
  #fresh = false;

  /** Notes the server's clock; `nowMs` is this machine's, read when the message came in. */
  clock(serverTimeMs: number, nowMs: number): void {
    this.#clockOffsetMs = serverTimeMs - nowMs;
    this.#fresh = true;
  }

  link(link: Link): void {
    this.#link = link;
    this.#fresh = true;
  }

  history(history: History): void {
    this.#history = history;
    this.#fresh = true;
  }

  snapshot(snapshot: Snapshot): void {
    this.#pending.clear();
    this.#generation += 1;
    this.#serverVersion = snapshot.server_version;
    this.link(snapshot.link);
    this.history(snapshot.history ?? { state: 'off' });
    // In the order of names, so that the page has little left to do to list them.
    const hosts = snapshot.hosts.toSorted((a, b) => compareNames(a.host, b.host));
    for (const host of hosts) {
      this.#pending.set(host.host, { ...split(host), replacesPoints: true });
    }
    this.#snapshotLeft = this.#pending.size;
  }

  changes(changes: Changes): void {
    this.#arrived += changes.hosts.length;
    this.#fresh = true;
    for (const host of changes.hosts) {
      const waiting = this.#pending.get(host.host);
      if (waiting === undefined) {
        this.#pending.set(host.host, { ...split(host), replacesPoints: false });
        continue;
      }
      waiting.analysis = split(host).analysis;
      waiting.points.push(...host.points);
      waiting.points.splice(0, waiting.points.length - POINTS_KEPT);
    }
  }

  /** The next step, or `null` when the page knows everything. */
  next(): Batch | null {
    if (!this.#fresh && this.#pending.size === 0) return null;
    const taken: Pending[] = [];
    for (const [name, pending] of this.#pending) {
      if (taken.length === BATCH_HOSTS) break;
      taken.push(pending);
      this.#pending.delete(name);
    }
    // A map keeps the order of first insertion, so the hosts of a snapshot leave before later ones.
    this.#snapshotLeft = Math.max(0, this.#snapshotLeft - taken.length);
    const batch: Batch = {
      clockOffsetMs: this.#clockOffsetMs,
      generation: this.#generation,
      complete: this.#snapshotLeft === 0,
      arrived: this.#arrived,
      analyses: taken.map((pending) => pending.analysis),
      pointCounts: taken.map((pending) => pending.points.length),
      replacesPoints: taken.map((pending) => pending.replacesPoints),
      points: new Float64Array(taken.flatMap((pending) => pending.points.flat())),
      ...(this.#link && { link: this.#link }),
      ...(this.#history && { history: this.#history }),
      ...(this.#serverVersion !== undefined && { serverVersion: this.#serverVersion }),
    };
    this.#link = undefined;
    this.#history = undefined;
    this.#serverVersion = undefined;
    this.#arrived = 0;
    this.#fresh = false;
    return batch;
  }
}

function split(host: Host): { analysis: Analysis; points: Point[] } {
  const { points, ...analysis } = host;
  return { analysis, points: [...points] };
}
