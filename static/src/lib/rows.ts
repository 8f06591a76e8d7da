/** Rows and points as they come over the wire: checked and decoded in one go, as they are many. */

import { isHostIndex } from './contract';
import { DEFAULT_INTERVAL_MS, DIVISOR, FIGURE, FIGURES_SENT } from './figures';
import { ContractError } from './guard';

const bit = (figure: number) => 1 << figure;

/** Figures that may cease to be there; the others have a value from the first row on. */
const MAY_BE_ABSENT =
  bit(FIGURE.cpu) |
  bit(FIGURE.memory) |
  bit(FIGURE.swap) |
  bit(FIGURE.disk) |
  bit(FIGURE.load) |
  bit(FIGURE.receivedBps) |
  bit(FIGURE.transmittedBps) |
  bit(FIGURE.temperature) |
  bit(FIGURE.cpuLevel) |
  bit(FIGURE.memoryLevel) |
  bit(FIGURE.swapLevel) |
  bit(FIGURE.diskLevel);

const LEVELS =
  bit(FIGURE.level) |
  bit(FIGURE.cpuLevel) |
  bit(FIGURE.memoryLevel) |
  bit(FIGURE.swapLevel) |
  bit(FIGURE.diskLevel);

const MASK_END = bit(FIGURES_SENT);

/** How quickly the interval seen of a host that promises none follows. */
const INTERVAL_WEIGHT = 0.25;

/**
 * Applies one row, `[index, mask, value, …]`, to the figures of its host, which begin at `start`.
 *
 * Throws `ContractError` before it has changed anything when the row does not follow the protocol.
 */
export function readRow(
  row: readonly unknown[],
  figures: Float64Array,
  start: number,
  serverTimeMs: number,
): void {
  const mask = row[1];
  if (!Number.isSafeInteger(mask) || (mask as number) < 0) {
    throw new ContractError('the mask of a row must be a whole number');
  }
  const bits = (mask as number) % MASK_END;
  check(row, bits, countBits(Math.floor((mask as number) / MASK_END)));

  let place = 2;
  const time = start + FIGURE.timestampMs;
  const beforeMs = figures[time] ?? NaN;
  if ((bits & bit(FIGURE.timestampMs)) !== 0) {
    const value = row[place] as number;
    place += 1;
    if (Number.isNaN(beforeMs)) figures[time] = value;
    else {
      figures[time] = beforeMs + value;
      noteInterval(figures, start + FIGURE.seenIntervalMs, value);
    }
  } else {
    const promisedMs = figures[start + FIGURE.promisedIntervalMs] ?? NaN;
    figures[time] = beforeMs + (Number.isNaN(promisedMs) ? DEFAULT_INTERVAL_MS : promisedMs);
  }
  let delayMs = 0;
  if ((bits & bit(FIGURE.receivedMs)) !== 0) {
    delayMs = row[place] as number;
    place += 1;
  }
  figures[start + FIGURE.receivedMs] = serverTimeMs - delayMs;
  for (let figure: number = FIGURE.level; figure < FIGURES_SENT; figure += 1) {
    if ((bits & bit(figure)) === 0) continue;
    const value = row[place] as number | null;
    place += 1;
    figures[start + figure] = value === null ? NaN : value / (DIVISOR[figure] ?? 1);
  }
}

/**
 * Throws unless there is one fitting value for each bit, those of `unknownBits` at the end: figures
 * that a newer server tells, which may be anything.
 */
function check(row: readonly unknown[], bits: number, unknownBits: number): void {
  let place = 2;
  for (let figure = 0; figure < FIGURES_SENT; figure += 1) {
    const one = bit(figure);
    if ((bits & one) === 0) continue;
    const value = row[place];
    place += 1;
    if (value === null && (MAY_BE_ABSENT & one) !== 0) continue;
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new ContractError(`figure ${figure} of a row must be a number`);
    }
    if ((LEVELS & one) !== 0 && value !== 0 && value !== 1 && value !== 2) {
      throw new ContractError(`figure ${figure} of a row must be a level`);
    }
  }
  if (place + unknownBits !== row.length) {
    throw new ContractError('a row must have one value for each bit of its mask');
  }
}

function countBits(bits: number): number {
  let count = 0;
  for (let left = bits; left > 0; left = Math.floor(left / 2)) count += left % 2;
  return count;
}

function noteInterval(figures: Float64Array, place: number, stepMs: number): void {
  if (stepMs <= 0) return;
  const seenMs = figures[place] ?? NaN;
  figures[place] = Number.isNaN(seenMs) ? stepMs : seenMs + INTERVAL_WEIGHT * (stepMs - seenMs);
}

/** Reads `[index, timestamp_ms, cpu_tenths]`. */
export function readPoint(input: unknown): [index: number, timestampMs: number, cpu: number] {
  if (!Array.isArray(input)) throw new ContractError('a point must be a list');
  const [index, timestampMs, tenths] = input as unknown[];
  if (!isHostIndex(index) || !isNumber(timestampMs) || !isNumber(tenths)) {
    throw new ContractError('a point must be the index of a host, a time and a figure');
  }
  return [index, timestampMs, tenths / 10];
}

/**
 * Reads `[index, [timestamp_ms, cpu_tenths, step_ms, cpu_tenths, …]]`; the points of the answer are
 * time and percentage in turn.
 */
export function readPointList(input: unknown): { index: number; points: number[] } {
  const [index, list] = Array.isArray(input) ? (input as unknown[]) : [];
  if (!isHostIndex(index) || !Array.isArray(list) || list.length % 2 !== 0) {
    throw new ContractError('points must be the index of a host and pairs of time and figure');
  }
  const points: number[] = [];
  let timestampMs = 0;
  for (let i = 0; i < list.length; i += 2) {
    const [step, tenths] = [list[i] as unknown, list[i + 1] as unknown];
    if (!isNumber(step) || !isNumber(tenths)) throw new ContractError('points must be numbers');
    timestampMs += step;
    points.push(timestampMs, tenths / 10);
  }
  return { index, points };
}

function isNumber(input: unknown): input is number {
  return typeof input === 'number' && Number.isFinite(input);
}
