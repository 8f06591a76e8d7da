/** An alert that tests share; no part of the page. */

import type { AlertEntry } from './entry';

export const MINUTE_MS = 60_000;

export function alertOf(more: Partial<AlertEntry> = {}): AlertEntry {
  return {
    id: 'a',
    host: 'web-1',
    resource: 'cpu',
    kind: 'level',
    level: 'HIGH',
    percentage: 93.4,
    since_ms: 100 * MINUTE_MS,
    timestamp_ms: 100 * MINUTE_MS,
    ...more,
  };
}
