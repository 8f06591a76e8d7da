/** One alert as the server tells it, by socket and by HTTP, and the guard that lets it in. */

import type { Acknowledged } from '../generated/Acknowledged';
import type { AlertEntry } from '../generated/AlertEntry';
import type { AlertKind } from '../generated/AlertKind';
import type { Level } from '../generated/Level';
import type { Silence } from '../generated/Silence';
import {
  ContractError,
  list,
  number,
  oneOf,
  optional,
  percentage,
  present,
  record,
  string,
} from '../guard';

export type { AlertEntry, AlertKind, Silence };

/** What kinds of conditions there are. */
export const KINDS = [
  'level',
  'silent',
  'flapping',
  'stopped',
  'restarted',
  'clock',
  'pipeline',
] as const satisfies readonly AlertKind[];

/** The host of alerts about the way from trackers to the server, which is no machine's. */
export const PIPELINE_HOST = 'resources.pipeline';

const LEVELS: readonly Level[] = ['LOW', 'MEDIUM', 'HIGH'];

export function parseEntry(input: unknown): AlertEntry {
  const alert = record(input, 'alert');
  const text = (field: string) => textOf(alert, field);
  const time = (field: string) => timeOf(alert, field);
  return {
    id: string(alert.id, 'id of an alert'),
    host: string(alert.host, 'host of an alert'),
    kind: kindOf(alert.kind),
    since_ms: number(alert.since_ms, 'since_ms of an alert'),
    timestamp_ms: number(alert.timestamp_ms, 'timestamp_ms of an alert'),
    ...present({
      resource: text('resource'),
      level: optional(alert.level, (level) => oneOf(level, LEVELS, 'level of an alert')),
      percentage: optional(alert.percentage, (value) => percentage(value, 'percentage')),
      cleared_ms: time('cleared_ms'),
      acknowledged: optional(alert.acknowledged, parseAcknowledged),
      silenced_until_ms: time('silenced_until_ms'),
    }),
  };
}

/** One that cannot be read does not take the others with it; `complain` is told about it. */
export function parseEntries(input: unknown, complain: (sentence: string) => void): AlertEntry[] {
  return list(input, 'alerts').flatMap((one) => {
    try {
      return [parseEntry(one)];
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      complain(error.message);
      return [];
    }
  });
}

export function parseSilence(input: unknown): Silence {
  const silence = record(input, 'silence');
  return {
    id: string(silence.id, 'id of a silence'),
    host: string(silence.host, 'host of a silence'),
    from_ms: number(silence.from_ms, 'from_ms of a silence'),
    until_ms: number(silence.until_ms, 'until_ms of a silence'),
    by: string(silence.by, 'by of a silence'),
    ...present({
      resource: textOf(silence, 'resource'),
      kind: optional(silence.kind, kindOf),
      reason: textOf(silence, 'reason'),
    }),
  };
}

/** A newer server may know more kinds: an alert nobody can name is still better than none. */
function kindOf(input: unknown): AlertKind {
  return string(input, 'kind') as AlertKind;
}

function parseAcknowledged(input: unknown): Acknowledged {
  const told = record(input, 'acknowledged');
  return {
    by: string(told.by, 'by of an acknowledgement'),
    at_ms: number(told.at_ms, 'at_ms of an acknowledgement'),
    ...present({ note: textOf(told, 'note') }),
  };
}

function textOf(fields: Record<string, unknown>, field: string): string | undefined {
  return optional(fields[field], (value) => string(value, field));
}

function timeOf(fields: Record<string, unknown>, field: string): number | undefined {
  return optional(fields[field], (value) => number(value, field));
}
