/** Figures as people read them. Numbers only, no sentences. */

/** A space that does not end a line, between a figure and its unit. */
const SPACE = '\u00a0';

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `1,234` */
export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `7.3%`, always one decimal, so that a column of them lines up. */
export function percentage(value: number): string {
  return `${value.toFixed(1)}%`;
}

/** `39%` */
export function wholePercentage(value: number): string {
  return `${Math.round(value)}%`;
}

/** `6.2 / 15.6 GiB`: both in the unit that suits the total. */
export function usedOfTotal(usedBytes: number, totalBytes: number): string {
  const power = bytePower(totalBytes);
  const scale = 1024 ** power;
  return `${threeDigits(usedBytes / scale)} / ${threeDigits(totalBytes / scale)}${SPACE}${unit(power)}`;
}

/** Load average: `0.42`, `12.3`, `128`. */
export function load(value: number): string {
  return value < 10 ? value.toFixed(2) : threeDigits(value);
}

/** `0.4 s`, `3 s`, `2 min`, `5 h`, `3 d`; a moment in the future is none. */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000;
  // Cut, not rounded: 59.9 s is not yet a minute. The tenths stop where they would read "1.0".
  if (seconds < 1) return `${(Math.floor(seconds * 10) / 10).toFixed(1)}${SPACE}s`;
  if (seconds < 60) return `${Math.floor(seconds)}${SPACE}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}${SPACE}min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}${SPACE}h`;
  return `${Math.floor(seconds / 86_400)}${SPACE}d`;
}

/** An interval: `250 ms`, `1 s`, `1.5 s`, `2 min`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)}${SPACE}ms`;
  if (milliseconds < 60_000) return `${Number((milliseconds / 1_000).toFixed(1))}${SPACE}s`;
  return age(milliseconds);
}

/** `512 B`, `6.2 GiB` */
export function bytes(value: number): string {
  const power = bytePower(value);
  const figure = value / 1024 ** power;
  return `${power === 0 ? figure.toFixed(0) : threeDigits(figure)}${SPACE}${unit(power)}`;
}

const RATE_UNITS = ['B/s', 'kB/s', 'MB/s', 'GB/s', 'TB/s'] as const;

/** Bytes a second in powers of ten, as networks are measured: `840 B/s`, `12.4 MB/s`. */
export function rate(bytesPerSecond: number): string {
  let figure = bytesPerSecond;
  let power = 0;
  while (figure >= 999.5 && power < RATE_UNITS.length - 1) {
    figure /= 1_000;
    power += 1;
  }
  const digits = power === 0 ? figure.toFixed(0) : threeDigits(figure);
  return `${digits}${SPACE}${RATE_UNITS[power] ?? 'B/s'}`;
}

/** `54 °C` */
export function temperature(celsius: number): string {
  return `${Math.round(celsius)}${SPACE}°C`;
}

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** What stands for a moment that is no date: browsers know none so far away, and throw. */
const NO_DATE = '–';

/** A moment in the time of this browser, as its language writes it. */
export function localTime(timeMs: number): string {
  return iso(timeMs) === undefined ? NO_DATE : LOCAL.format(timeMs);
}

/** The same moment for everyone: `2026-11-20 19:45:03 UTC`. */
export function utcTime(timeMs: number): string {
  return iso(timeMs)?.replace(/T(.{8}).*/, ' $1 UTC') ?? NO_DATE;
}

/** For machines: the `datetime` of a `<time>`; `undefined` of what is no date. */
export function iso(timeMs: number): string | undefined {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function bytePower(bytes: number): number {
  let power = 0;
  while (bytes >= 1024 && power < BYTE_UNITS.length - 1) {
    bytes /= 1024;
    power += 1;
  }
  return power;
}

function unit(power: number): string {
  return BYTE_UNITS[power] ?? 'B';
}

/** One decimal below 100, none from there on. */
function threeDigits(value: number): string {
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}
