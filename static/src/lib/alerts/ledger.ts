/**
 * What the server told of active alerts, kept in the worker. The page is handed all of it whenever
 * something changed, which is bounded: a page that was slow finds the newest state, never a queue.
 */

import type { Reasoned } from '../contract';
import { MAX_ACTIVE } from '../generated/constants';
import type { AlertsStatus as ToldStatus } from '../generated/AlertsStatus';
import type { AlertEntry } from './entry';

/** Whether what the server tells of alerts is all there is, and why not. */
export interface AlertsStatus extends Reasoned<ToldStatus['state']> {
  /** When it is halted: what was published later is not told. */
  readonly after_ms?: number;
}

/** The active alerts, as the page is handed them. */
export interface ActiveAlerts {
  readonly status: AlertsStatus;
  /** Those that are neither acknowledged nor silenced. */
  readonly count: number;
  /** All that are raised; there may be more than are listed. */
  readonly total: number;
  /** The newest first. */
  readonly active: readonly AlertEntry[];
  /** How many each host has that has any, when that changed. */
  readonly hosts?: ReadonlyMap<string, number>;
}

/** What a message says of alerts. */
export interface AlertsStep {
  readonly status: AlertsStatus;
  readonly count: number;
  readonly total: number;
  /** All there are: replaces what was told before. */
  readonly active: readonly AlertEntry[] | undefined;
  readonly changed: readonly AlertEntry[];
  readonly cleared: readonly string[];
  /** How many some hosts have now; with `active` all that have any. */
  readonly hosts: readonly (readonly [host: string, count: number])[];
}

export class Ledger {
  readonly #alerts = new Map<string, AlertEntry>();
  readonly #hosts = new Map<string, number>();
  #areHostsFresh = false;
  #status: AlertsStatus = { state: 'reading' };
  #count = 0;
  #total = 0;
  #isFresh = false;

  take({ status, count, total, active, changed, cleared, hosts }: AlertsStep): void {
    this.#isFresh = true;
    this.#status = status;
    this.#count = count;
    this.#total = total;
    if (active !== undefined || hosts.length > 0) this.#areHostsFresh = true;
    if (active !== undefined) {
      this.#alerts.clear();
      this.#hosts.clear();
    }
    for (const [host, many] of hosts) {
      if (many > 0) this.#hosts.set(host, many);
      else this.#hosts.delete(host);
    }
    for (const id of cleared) this.#alerts.delete(id);
    for (const alert of [...(active ?? []), ...changed]) {
      if (alert.cleared_ms === undefined) this.#alerts.set(alert.id, alert);
      else this.#alerts.delete(alert.id);
    }
    // The server tells no more of them either.
    for (const { id } of this.#newestFirst().slice(MAX_ACTIVE)) this.#alerts.delete(id);
  }

  /** All of it, unless the page has it already. */
  next(): ActiveAlerts | undefined {
    if (!this.#isFresh) return undefined;
    this.#isFresh = false;
    const hosts = this.#areHostsFresh ? { hosts: this.#hosts } : {};
    this.#areHostsFresh = false;
    return {
      status: this.#status,
      count: this.#count,
      total: this.#total,
      active: this.#newestFirst(),
      ...hosts,
    };
  }

  #newestFirst(): AlertEntry[] {
    return [...this.#alerts.values()].sort(
      (a, b) => b.since_ms - a.since_ms || (a.id < b.id ? 1 : -1),
    );
  }
}
