/** The columns of the table: which there are, what they measure, and what they are sorted by. */

import { COMPARED } from './filter';
import type { Columns } from './store';

export const COLUMNS = [
  'name',
  'level',
  'cpu',
  'chart',
  'memory',
  'swap',
  'disk',
  'load',
  'received',
  'sent',
  'temperature',
  'uptime',
  'age',
  'labels',
] as const;
export type Column = (typeof COLUMNS)[number];

/** What a list can be sorted by. */
export type SortKey = Exclude<Column, 'chart'>;
export type Direction = 'ascending' | 'descending';

export const DEFAULT_COLUMNS: readonly Column[] = [
  'name',
  'level',
  'cpu',
  'chart',
  'memory',
  'disk',
  'load',
  'received',
  'age',
];

/** Width of each, in rem: at least, and how eagerly it takes more. Zero takes no more. */
export const WIDTHS: Readonly<Record<Column, { readonly least: number; readonly share: number }>> =
  {
    name: { least: 11, share: 20 },
    level: { least: 7, share: 5 },
    cpu: { least: 5, share: 4 },
    chart: { least: 8, share: 24 },
    memory: { least: 8.5, share: 6 },
    swap: { least: 4.5, share: 3 },
    disk: { least: 4.5, share: 4 },
    load: { least: 3.5, share: 1 },
    received: { least: 5.5, share: 1 },
    sent: { least: 5.5, share: 1 },
    temperature: { least: 4, share: 1 },
    uptime: { least: 4.5, share: 1 },
    age: { least: 4.5, share: 1 },
    labels: { least: 9, share: 14 },
  };

/** Where figures of a column are kept; those without are sorted in their own way. */
export const SORT_COLUMN: Readonly<Partial<Record<SortKey, keyof Columns>>> = {
  level: 'level',
  ...COMPARED,
};

export function isSortKey(text: string | undefined): text is SortKey {
  return isColumn(text) && text !== 'chart';
}

function isColumn(text: string | undefined): text is Column {
  return (COLUMNS as readonly (string | undefined)[]).includes(text);
}

/** The direction that answers the usual question first: which host is worst? */
export function firstDirection(key: SortKey): Direction {
  return key === 'name' || key === 'uptime' || key === 'labels' ? 'ascending' : 'descending';
}

/** Reads columns from an address; the name is always there and first. Nothing usable: the default. */
export function parseColumns(text: string | undefined): readonly Column[] {
  const named = new Set((text ?? '').split(','));
  const chosen = COLUMNS.filter((column) => column === 'name' || named.has(column));
  return text === undefined || chosen.length === 1 ? DEFAULT_COLUMNS : chosen;
}

/** `undefined` for the default, which no address needs to name. */
export function formatColumns(columns: readonly Column[]): string | undefined {
  const chosen = COLUMNS.filter((column) => column === 'name' || columns.includes(column));
  const text = chosen.join(',');
  return text === DEFAULT_COLUMNS.join(',') ? undefined : text;
}

/** The columns that fit into a width, in rem: those listed last give way first. */
export function fitting(columns: readonly Column[], widthRem: number, gapRem: number): Column[] {
  const fits: Column[] = [];
  let taken = 0;
  for (const column of GIVING_WAY.filter((one) => columns.includes(one))) {
    taken += WIDTHS[column].least + gapRem;
    if (taken - gapRem > widthRem && fits.length > 0) break;
    fits.push(column);
  }
  return columns.filter((column) => fits.includes(column));
}

/** The most telling first. */
const GIVING_WAY: readonly Column[] = [
  'name',
  'level',
  'cpu',
  'memory',
  'age',
  'disk',
  'load',
  'chart',
  'received',
  'sent',
  'temperature',
  'swap',
  'uptime',
  'labels',
];
