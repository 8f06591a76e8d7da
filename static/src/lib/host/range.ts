/** Which stretch of time the charts of a host show. Pure; all times are the host's own. */

import { MAX_TIME_MS } from '../generated/constants';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Ranges that end now, as they stand in the address. */
export const LENGTHS_MS = {
  '5m': 5 * MINUTE_MS,
  '15m': 15 * MINUTE_MS,
  '1h': HOUR_MS,
  '6h': 6 * HOUR_MS,
  '24h': DAY_MS,
  '7d': 7 * DAY_MS,
  '30d': 30 * DAY_MS,
  '1y': 365 * DAY_MS,
  '2y': 730 * DAY_MS,
} as const;

export type Length = keyof typeof LENGTHS_MS;

export const LENGTHS = Object.keys(LENGTHS_MS) as readonly Length[];

/** What is shown when the address does not say. */
export const DEFAULT_RANGE: TimeRange = { kind: 'last', length: '15m' };

/** Nothing shorter can be zoomed to: there would hardly be a point to see. */
export const SHORTEST_MS = 10_000;

const MEMORY_MARGIN_MS = 2_000;

/** From an instant up to, not including, a later one. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A range that ends now and moves on, or one that stands still. */
export type TimeRange =
  { readonly kind: 'last'; readonly length: Length } | ({ readonly kind: 'between' } & Span);

/** The names of a range in the address. */
export interface RangeQuery {
  readonly range?: string;
  readonly from?: string;
  readonly to?: string;
}

/** Reads the range of an address; what does not make sense is the default. */
export function parseRange({ range, from, to }: RangeQuery): TimeRange {
  if (range !== undefined && isLength(range)) return { kind: 'last', length: range };
  if (from !== undefined && to !== undefined) {
    return between(Number(from), Number(to)) ?? DEFAULT_RANGE;
  }
  return DEFAULT_RANGE;
}

export function rangeQuery(range: TimeRange): RangeQuery {
  return range.kind === 'last'
    ? { range: range.length }
    : { from: String(range.fromMs), to: String(range.toMs) };
}

/** A range that stands still; `null` when its ends make none. */
export function between(fromMs: number, toMs: number): TimeRange | null {
  const [from, to] = [Math.round(fromMs), Math.round(toMs)];
  const makesSense = from >= 0 && to <= MAX_TIME_MS && from < to;
  return makesSense ? { kind: 'between', fromMs: from, toMs: to } : null;
}

/** The same for the same range, and for no other. */
export function rangeKey(range: TimeRange): string {
  return range.kind === 'last' ? range.length : `${range.fromMs}-${range.toMs}`;
}

/** The stretch of time a range stands for at an instant. */
export function spanAt(range: TimeRange, nowMs: number): Span {
  if (range.kind === 'between') return range;
  return { fromMs: nowMs - LENGTHS_MS[range.length], toMs: nowMs };
}

/**
 * From when on history is asked for a span. The server has five minutes at full resolution, to the
 * sample: a range of just that length would begin a moment too early for it.
 */
export function askedFromMs(range: TimeRange, { fromMs }: Span): number {
  return range.kind === 'last' && range.length === '5m' ? fromMs + MEMORY_MARGIN_MS : fromMs;
}

/**
 * A range of `factor` times the length around an instant that keeps its place in the picture. One
 * that would reach beyond now ends now instead.
 */
export function scaled(span: Span, factor: number, aroundMs: number, nowMs: number): TimeRange {
  const length = span.toMs - span.fromMs;
  const wanted = Math.max(SHORTEST_MS, length * factor);
  const share = Math.min(1, Math.max(0, (aroundMs - span.fromMs) / length));
  return placed(aroundMs - share * wanted, wanted, nowMs);
}

/** The range `share` of its length later, or earlier when below zero; not beyond now. */
export function moved(span: Span, share: number, nowMs: number): TimeRange {
  const length = span.toMs - span.fromMs;
  return placed(span.fromMs + share * length, length, nowMs);
}

/** The next longer or shorter range that ends now, of one that does; `null` where there is none. */
export function neighbour(range: TimeRange, factor: number): TimeRange | null {
  if (range.kind === 'between') return null;
  const length = LENGTHS[LENGTHS.indexOf(range.length) + (factor > 1 ? 1 : -1)];
  return length === undefined ? null : { kind: 'last', length };
}

/** A stretch drawn with the pointer, from either side; `null` when it was a click. */
export function drawn(oneMs: number, otherMs: number): TimeRange | null {
  const [from, to] = oneMs < otherMs ? [oneMs, otherMs] : [otherMs, oneMs];
  if (to <= from) return null;
  const missing = Math.max(0, SHORTEST_MS - (to - from));
  return between(from - missing / 2, to + missing / 2);
}

function placed(fromMs: number, length: number, nowMs: number): TimeRange {
  const to = Math.min(nowMs, fromMs + length);
  return between(Math.max(0, to - length), to) ?? DEFAULT_RANGE;
}

function isLength(text: string): text is Length {
  return Object.hasOwn(LENGTHS_MS, text);
}
