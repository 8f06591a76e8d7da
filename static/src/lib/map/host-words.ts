/** One host of the map in words, for the tooltip and for ears. */

import type { Alerts } from '../alerts/alerts.svelte';
import { LEVEL_BY_NUMBER, type Info, type Level } from '../contract';
import * as format from '../format';
import type { Columns, Freshness } from '../store';
import { causes, FRESHNESS_WORDS, LEVEL_WORDS } from '../words';
import { ofHost } from '../words/alerts';
import * as words from '../words/map';

export interface HostWords {
  readonly host: string;
  readonly level: Level;
  /** `late`, `silent`, or nothing. */
  readonly freshness: string;
  /** Why the level, where the CPU alone does not say; else nothing. */
  readonly causes: string;
  /** Its active alerts; else nothing. */
  readonly alerts: string;
  readonly figures: readonly (readonly [name: string, value: string])[];
  readonly labels: readonly string[];
}

export function hostWords(
  index: number,
  info: Info,
  columns: Columns,
  freshness: Freshness,
  serverNowMs: number,
  alerts: Pick<Alerts, 'of' | 'countOf'>,
): HostWords {
  const figure = (column: Float32Array, write: (value: number) => string) => {
    const value = column[index] ?? NaN;
    return Number.isNaN(value) ? words.NOT_SENT : write(value);
  };
  const count = alerts.countOf(info.host);
  return {
    host: info.host,
    level: LEVEL_BY_NUMBER[columns.level[index] ?? 0] ?? 'LOW',
    freshness: FRESHNESS_WORDS[freshness],
    causes: causes(info),
    alerts: count === 0 ? '' : ofHost(count, alerts.of(info.host)),
    figures: [
      [words.CPU, figure(columns.cpu, format.percentage)],
      [words.MEMORY, figure(columns.memory, format.percentage)],
      [words.DISK, figure(columns.disk, format.percentage)],
      [words.LOAD, figure(columns.load, format.load)],
      [words.AGE, format.age(serverNowMs - (columns.receivedMs[index] ?? NaN))],
    ],
    labels: Object.entries(info.labels ?? {}).map(([name, value]) => `${name}=${value}`),
  };
}

/** The same as one sentence; figures that are not sent are left out. */
export function sentence(one: HostWords): string {
  const figures = one.figures.filter(([, value]) => value !== words.NOT_SENT);
  return [
    one.host,
    LEVEL_WORDS[one.level],
    ...[one.freshness, one.causes, one.alerts].filter((text) => text !== ''),
    ...figures.map(([name, value]) => `${name} ${value}`),
    ...one.labels,
  ].join(', ');
}
