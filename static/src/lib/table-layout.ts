/** What a row and a card of the table measure, in rem: said here once, for script and style sheet. */

import { WIDTHS, type Column } from './columns';

/** Height of a row. */
export const LINE_REM = 3.25;

/** Room between two columns. */
export const GAP_REM = 1;

/** Of a card: name and level, padding and the distance to the next. */
const CARD_REM = 1.7 + 1.2 + 0.6;

/** A line of figures or the chart, with the distance to the one above. */
const CARD_LINE_REM = 2.9 + 0.4;

const FIGURES_IN_A_LINE = 3;

/** Columns of the grid; the name and the chart take what is left. */
export function templateOf(columns: readonly Column[]): string {
  return columns
    .map((column) => `minmax(${WIDTHS[column].least}rem, ${WIDTHS[column].share}fr)`)
    .join(' ');
}

/** Height of a card with these columns, and of the room below it. */
export function cardHeightRem(columns: readonly Column[]): number {
  const figures = columns.filter(
    (column) => !['name', 'level', 'chart', 'labels'].includes(column),
  ).length;
  const lines =
    Math.ceil(figures / FIGURES_IN_A_LINE) +
    (columns.includes('chart') ? 1 : 0) +
    (columns.includes('labels') ? 1 : 0);
  return CARD_REM + lines * CARD_LINE_REM;
}
