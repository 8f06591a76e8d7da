import { expect, it } from 'vitest';
import { DEFAULT_COLUMNS, fitting, formatColumns, isSortKey, parseColumns } from './columns';

it('reads columns in their own order, with the name always there', () => {
  expect(parseColumns('load,cpu,nonsense')).toEqual(['name', 'cpu', 'load']);
  expect(parseColumns(undefined)).toEqual(DEFAULT_COLUMNS);
  expect(parseColumns('nonsense')).toEqual(DEFAULT_COLUMNS);
});

it('names in an address only what is not the default', () => {
  expect(formatColumns(DEFAULT_COLUMNS)).toBeUndefined();
  expect(formatColumns(['load', 'cpu'])).toBe('name,cpu,load');
  expect(parseColumns(formatColumns(['name', 'swap']))).toEqual(['name', 'swap']);
});

it('lets columns give way that do not fit, the name never', () => {
  expect(fitting(['name', 'level', 'cpu', 'labels'], 28, 1)).toEqual(['name', 'level', 'cpu']);
  expect(fitting(['name', 'cpu'], 1, 1)).toEqual(['name']);
  expect(fitting(DEFAULT_COLUMNS, 200, 1)).toEqual(DEFAULT_COLUMNS);
});

it('sorts by figures, not by pictures', () => {
  expect(['cpu', 'chart', 'labels', 'x', undefined].map(isSortKey)).toEqual([
    true,
    false,
    true,
    false,
    false,
  ]);
});
