/** Which alerts a chart marks, and where; those too close for a mark each share one. Pure. */

import type { Span } from '../host/range';
import type { AlertEntry } from './entry';

/** One mark on a chart: from when to when, as shares of the range shown. */
export interface Mark {
  readonly from: number;
  readonly to: number;
  /** The earliest first. */
  readonly alerts: readonly AlertEntry[];
  /** The highest of them, where they have one. */
  readonly level: AlertEntry['level'];
}

const NARROWEST_PX = 12;
const GAP_PX = 4;

/** Those of a chart: about one of its resources, or about the host as a whole. */
export function alertsOfChart(
  list: readonly AlertEntry[],
  resources: readonly string[],
  { fromMs, toMs }: Span,
): AlertEntry[] {
  return list.filter(
    ({ resource, since_ms, cleared_ms = Infinity }) =>
      (resource === undefined || resources.includes(resource)) &&
      since_ms < toMs &&
      cleared_ms > fromMs,
  );
}

/** The marks of these alerts in a chart so wide; what lasts ends now. */
export function marksOf(
  list: readonly AlertEntry[],
  { fromMs, toMs }: Span,
  nowMs: number,
  widthPx: number,
): Mark[] {
  if (widthPx <= 0) return [];
  const share = (atMs: number) => Math.min(1, Math.max(0, (atMs - fromMs) / (toMs - fromMs)));
  const marks: Mark[] = [];
  for (const alert of [...list].sort((a, b) => a.since_ms - b.since_ms)) {
    const from = Math.min(share(alert.since_ms), 1 - NARROWEST_PX / widthPx);
    const to = Math.max(share(alert.cleared_ms ?? nowMs), from + NARROWEST_PX / widthPx);
    const last = marks.at(-1);
    if (last === undefined || from > last.to + GAP_PX / widthPx) {
      marks.push({ from, to, alerts: [alert], level: alert.level });
      continue;
    }
    marks[marks.length - 1] = {
      from: last.from,
      to: Math.max(last.to, to),
      alerts: [...last.alerts, alert],
      level: higher(last.level, alert.level),
    };
  }
  return marks;
}

function higher(a: AlertEntry['level'], b: AlertEntry['level']): AlertEntry['level'] {
  return [a, b].find((level) => level === 'HIGH') ?? [a, b].find((one) => one === 'MEDIUM') ?? a;
}
