/** Which alerts are listed, in which order, and which stretch of time their charts show. Pure. */

import { between, rangeQuery, type RangeQuery } from '../host/range';
import { compareNames } from '../names';
import type { AlertEntry } from './entry';

export const TABS = ['active', 'history', 'silences'] as const;
export type Tab = (typeof TABS)[number];

export const ORDERS = ['newest', 'oldest', 'level', 'host', 'rule'] as const;
export type Order = (typeof ORDERS)[number];

/** What can be asked for exactly; `undefined` means any. */
export interface Rule {
  readonly host?: string | undefined;
  readonly resource?: string | undefined;
  readonly kind?: string | undefined;
}

/** One of `words`, the first of them unless the text is one. */
export function oneOrFirst<T extends string>(words: readonly [T, ...T[]], text?: string): T {
  return words.find((word) => word === text) ?? words[0];
}

export function isOfRule(alert: AlertEntry, { host, resource, kind }: Rule): boolean {
  return (
    (host === undefined || alert.host === host) &&
    (resource === undefined || alert.resource === resource) &&
    (kind === undefined || alert.kind === kind)
  );
}

/** Whether it waits for somebody. */
export function isOpen(alert: AlertEntry, serverNowMs: number): boolean {
  return alert.acknowledged === undefined && !isSilenced(alert, serverNowMs);
}

export function isSilenced({ silenced_until_ms }: AlertEntry, serverNowMs: number): boolean {
  return silenced_until_ms !== undefined && silenced_until_ms > serverNowMs;
}

const RANK = { HIGH: 0, MEDIUM: 1, LOW: 2 } as const;

const rank = ({ level }: AlertEntry) => (level === undefined ? 0 : RANK[level]);
const ruleOf = ({ kind, resource = '' }: AlertEntry) => `${kind} ${resource}`;
const newest = (a: AlertEntry, b: AlertEntry) => b.since_ms - a.since_ms;

const COMPARE: Readonly<Record<Order, (a: AlertEntry, b: AlertEntry) => number>> = {
  newest,
  oldest: (a, b) => newest(b, a),
  level: (a, b) => rank(a) - rank(b),
  host: (a, b) => compareNames(a.host, b.host),
  rule: (a, b) => compareNames(ruleOf(a), ruleOf(b)),
};

/** In the order asked for, but what waits for somebody before what does not. */
export function ordered(
  list: readonly AlertEntry[],
  order: Order,
  serverNowMs: number,
): AlertEntry[] {
  const waits = new Map(list.map((alert) => [alert, isOpen(alert, serverNowMs) ? 0 : 1]));
  return [...list].sort(
    (a, b) =>
      (waits.get(a) ?? 0) - (waits.get(b) ?? 0) ||
      COMPARE[order](a, b) ||
      newest(a, b) ||
      (a.id < b.id ? -1 : 1),
  );
}

const MINUTE_MS = 60_000;
const MARGIN_AT_LEAST_MS = 5 * MINUTE_MS;
const MARGIN_AT_MOST_MS = 12 * 3_600_000;

/** The range of a host's charts that shows an alert and some time around it. */
export function chartRange({ since_ms, cleared_ms }: AlertEntry, serverNowMs: number): RangeQuery {
  // In whole minutes, so that what it leads to is the same address for a while.
  const nowMs = Math.ceil(serverNowMs / MINUTE_MS) * MINUTE_MS;
  const endMs = cleared_ms ?? nowMs;
  const share = (endMs - since_ms) / 4;
  const marginMs = Math.min(MARGIN_AT_MOST_MS, Math.max(MARGIN_AT_LEAST_MS, share));
  const toMs = Math.max(since_ms + MINUTE_MS, Math.min(nowMs, endMs + marginMs));
  const range = between(Math.max(0, since_ms - marginMs), toMs);
  return range === null ? {} : rangeQuery(range);
}
