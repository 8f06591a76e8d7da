/** What a row of the table shows of its host, read from the columns of the store. */

import { LEVEL_BY_NUMBER, type Info, type Level } from './contract';
import { DEFAULT_INTERVAL_MS } from './figures';
import type { Store } from './store';

/**
 * For how long after a sample that came late a host counts as back-filling: longer than the 10 s
 * that the server lets pass before it tells of the next one.
 */
const BACK_FILLING_MS = 15_000;

export interface RowFigures {
  /** Which reading this is: the columns tell nobody when they change. */
  readonly tick: number;
  readonly name: string;
  readonly info: Info | undefined;
  readonly level: Level;
  readonly cpu: number;
  readonly memory: number;
  readonly swap: number;
  readonly disk: number;
  readonly load: number;
  readonly receivedBps: number;
  readonly transmittedBps: number;
  readonly temperature: number;
  readonly cpuLevel: number;
  readonly memoryLevel: number;
  readonly swapLevel: number;
  readonly diskLevel: number;
  readonly timestampMs: number;
  readonly receivedMs: number;
  readonly intervalMs: number;
  /** `role=web place=fra` */
  readonly labels: string;
}

/** Reads one host as it is now. */
export function readRow(store: Store, index: number, tick: number): RowFigures {
  const { columns } = store;
  const info = store.info(index);
  const at = (column: ArrayLike<number>) => column[index] ?? NaN;
  return {
    tick,
    name: info?.host ?? '',
    info,
    level: LEVEL_BY_NUMBER[at(columns.level)] ?? 'LOW',
    cpu: at(columns.cpu),
    memory: at(columns.memory),
    swap: at(columns.swap),
    disk: at(columns.disk),
    load: at(columns.load),
    receivedBps: at(columns.receivedBps),
    transmittedBps: at(columns.transmittedBps),
    temperature: at(columns.temperature),
    cpuLevel: at(columns.cpuLevel),
    memoryLevel: at(columns.memoryLevel),
    swapLevel: at(columns.swapLevel),
    diskLevel: at(columns.diskLevel),
    timestampMs: at(columns.timestampMs),
    receivedMs: at(columns.receivedMs),
    intervalMs: columns.intervalMs[index] ?? DEFAULT_INTERVAL_MS,
    labels: labelText(info),
  };
}

/** All labels of a host in a line: `role=web place=fra`. */
export function labelText(info: Info | undefined): string {
  return Object.entries(info?.labels ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** Whether samples arrive that are older than those already here. */
export function isBackFilling(lateMs: number | undefined, serverNowMs: number): boolean {
  return lateMs !== undefined && serverNowMs - lateMs <= BACK_FILLING_MS;
}
