/**
 * What the server told of active alerts, kept in the worker. The page is handed all of it whenever
 * something changed, which is bounded: a page that was slow finds the newest state, never a queue.
 */

import { MAX_ACTIVE } from '../generated/constants';
import type { AlertEntry } from './entry';

/** The active alerts, as the page is handed them. */
export interface ActiveAlerts {
  /** Those that are neither acknowledged nor silenced. */
  readonly count: number;
  /** All that are raised; there may be more than are listed. */
  readonly total: number;
  /** The newest first. */
  readonly active: readonly AlertEntry[];
}

/** What a message says of alerts. */
export interface AlertsStep {
  readonly count: number;
  readonly total: number;
  /** All there are: replaces what was told before. */
  readonly active: readonly AlertEntry[] | undefined;
  readonly changed: readonly AlertEntry[];
  readonly cleared: readonly string[];
}

export class Ledger {
  readonly #alerts = new Map<string, AlertEntry>();
  #count = 0;
  #total = 0;
  #isFresh = false;

  take({ count, total, active, changed, cleared }: AlertsStep): void {
    this.#isFresh = true;
    this.#count = count;
    this.#total = total;
    if (active !== undefined) this.#alerts.clear();
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
    return { count: this.#count, total: this.#total, active: this.#newestFirst() };
  }

  #newestFirst(): AlertEntry[] {
    return [...this.#alerts.values()].sort(
      (a, b) => b.since_ms - a.since_ms || (a.id < b.id ? 1 : -1),
    );
  }
}
