/**
 * Which hosts are listed: the text people type, read into terms, and whether a host fits them.
 *
 * `level:high cpu>80 state:silent label:role=web "web-1" fra` – all terms must hold; levels and
 * states named more than once, or with commas, mean any of them. What cannot be read is named in
 * `problems` and left out, so that the rest still filters.
 */

import { LEVEL_BY_NUMBER, type Info, type Level } from './contract';
import type { Columns, Freshness, Store } from './store';

/** Figures that can be compared: the names people type. */
export const COMPARED = {
  cpu: 'cpu',
  memory: 'memory',
  swap: 'swap',
  disk: 'disk',
  load: 'load',
  received: 'receivedBps',
  sent: 'transmittedBps',
  temperature: 'temperature',
} as const satisfies Record<string, keyof Columns>;

export type ComparedName = keyof typeof COMPARED;
export type Operator = '>' | '>=' | '<' | '<=' | '=';

/** Why a term could not be read; `words.filterProblem` says it in a sentence. */
export interface FilterProblem {
  readonly term: string;
  readonly kind: 'unknown-key' | 'unknown-figure' | 'level' | 'state' | 'number' | 'label';
}

export interface Comparison {
  readonly figure: ComparedName;
  readonly operator: Operator;
  readonly limit: number;
}

export interface Filter {
  /** Parts of a name, in small letters; `*` stands for anything and makes it the whole name. */
  readonly names: readonly string[];
  /** Any of these; none means all. */
  readonly levels: readonly Level[];
  readonly states: readonly Freshness[];
  readonly comparisons: readonly Comparison[];
  /** Without a value: the host has such a label at all. */
  readonly labels: readonly { readonly name: string; readonly value: string | undefined }[];
  readonly problems: readonly FilterProblem[];
}

const STATES: readonly Freshness[] = ['fresh', 'late', 'silent'];
const COMPARISON = /^([a-z]+)(>=|<=|>|<|=)(.*)$/i;
const KEYED = /^([a-z]+):(.*)$/i;
/** A run of quoted and unquoted pieces without white space between them. */
const TERM = /(?:"[^"]*"?|[^\s"])+/g;

/** Multipliers of a figure: `received>10M` is ten million bytes a second. */
const SCALE: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

export function parseFilter(text: string): Filter {
  const names: string[] = [];
  const levels = new Set<Level>();
  const states = new Set<Freshness>();
  const comparisons: Comparison[] = [];
  const labels: { name: string; value: string | undefined }[] = [];
  const problems: FilterProblem[] = [];

  for (const [term] of text.matchAll(TERM)) {
    const complain = (kind: FilterProblem['kind']) => problems.push({ term, kind });
    // Quotes at the beginning make it a name, whatever is inside.
    if (term.startsWith('"')) {
      const name = unquoted(term);
      if (name !== '') names.push(name.toLowerCase());
      continue;
    }
    const keyed = KEYED.exec(term);
    if (keyed !== null) {
      const [, key = '', quoted = ''] = keyed;
      const value = unquoted(quoted);
      switch (key.toLowerCase()) {
        case 'level':
          if (!addWords(value.toUpperCase(), LEVEL_BY_NUMBER, levels)) complain('level');
          break;
        case 'state':
          if (!addWords(value.toLowerCase(), STATES, states)) complain('state');
          break;
        case 'label': {
          const label = parseLabel(value);
          if (label === undefined) complain('label');
          else labels.push(label);
          break;
        }
        default:
          complain('unknown-key');
      }
      continue;
    }
    const compared = COMPARISON.exec(term);
    if (compared !== null) {
      const [, figure = '', operator = '', value = ''] = compared;
      const name = figure.toLowerCase();
      const limit = parseLimit(value);
      if (!isCompared(name)) complain('unknown-figure');
      else if (limit === undefined) complain('number');
      else comparisons.push({ figure: name, operator: operator as Operator, limit });
      continue;
    }
    names.push(unquoted(term).toLowerCase());
  }
  return { names, levels: [...levels], states: [...states], comparisons, labels, problems };
}

/** Whether a filter hides anything at all. */
export function isEmpty(filter: Filter): boolean {
  const { names, levels, states, comparisons, labels } = filter;
  return [names, levels, states, comparisons, labels].every((terms) => terms.length === 0);
}

/** Makes of a filter the question asked of each host; make it once for many hosts. */
export function matcher(
  filter: Filter,
  store: Store,
  serverNowMs: number,
): (index: number) => boolean {
  const levels = new Set(filter.levels.map((level) => LEVEL_BY_NUMBER.indexOf(level)));
  const names = filter.names.map(nameTest);
  const comparisons = filter.comparisons.map((one) => comparisonTest(one, store.columns));
  const { level } = store.columns;
  return (index) => {
    if (levels.size > 0 && !levels.has(level[index] ?? 0)) return false;
    if (!comparisons.every((holds) => holds(index))) return false;
    if (filter.states.length > 0) {
      if (!filter.states.includes(store.freshness(index, serverNowMs))) return false;
    }
    if (names.length === 0 && filter.labels.length === 0) return true;
    const info = store.info(index);
    if (info === undefined) return false;
    const name = info.host.toLowerCase();
    return (
      names.every((fits) => fits(name)) &&
      filter.labels.every((label) => hasLabel(info, label.name, label.value))
    );
  };
}

/** Whether a host of which nothing but its name is known can fit. */
export function namesFit({ names, ...others }: Filter, host: string): boolean {
  const name = host.toLowerCase();
  return isEmpty({ ...others, names: [] }) && names.every((wanted) => nameTest(wanted)(name));
}

/** The filter's text with these levels instead of those it names; the other terms stay as typed. */
export function withLevels(text: string, levels: readonly Level[]): string {
  return withTerm(
    text,
    'level',
    levels.map((level) => level.toLowerCase()),
  );
}

/** The same for states. */
export function withStates(text: string, states: readonly Freshness[]): string {
  return withTerm(text, 'state', states);
}

function withTerm(text: string, key: string, values: readonly string[]): string {
  const others = [...text.matchAll(TERM)]
    .map(([term]) => term)
    .filter((term) => !term.toLowerCase().startsWith(`${key}:`));
  return (values.length > 0 ? [`${key}:${values.join(',')}`, ...others] : others).join(' ');
}

function addWords<T extends string>(text: string, known: readonly T[], found: Set<T>): boolean {
  const words = text.split(',').filter((word) => word !== '');
  if (words.length === 0 || !words.every((word) => (known as readonly string[]).includes(word))) {
    return false;
  }
  for (const word of words) found.add(word as T);
  return true;
}

function parseLabel(text: string): Filter['labels'][number] | undefined {
  const mark = text.indexOf('=');
  const name = mark < 0 ? text : text.slice(0, mark);
  if (name === '') return undefined;
  return { name, value: mark < 0 ? undefined : text.slice(mark + 1) };
}

function parseLimit(text: string): number | undefined {
  const [, digits, unit = ''] = /^(-?\d+(?:\.\d+)?)([kmg]?)(?:%|b?(?:\/s)?)$/i.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (SCALE[unit.toLowerCase()] ?? 1);
}

function isCompared(name: string): name is ComparedName {
  return Object.hasOwn(COMPARED, name);
}

function unquoted(text: string): string {
  return text.replaceAll('"', '');
}

function nameTest(wanted: string): (name: string) => boolean {
  const [start = '', ...pieces] = wanted.split('*');
  const end = pieces.pop();
  if (end === undefined) return (name) => name.includes(wanted);
  // A pattern of expressions would try every way to fit them; the first place of each is enough.
  return (name) => {
    if (!name.startsWith(start) || !name.endsWith(end)) return false;
    let at = start.length;
    for (const piece of pieces) {
      const found = name.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= name.length - end.length;
  };
}

function comparisonTest({ figure, operator, limit }: Comparison, columns: Columns) {
  const column = columns[COMPARED[figure]];
  // A column of 32 bits holds 12.3 as the nearest it can: it is compared with that.
  const limitHeld = column instanceof Float32Array ? Math.fround(limit) : limit;
  const at = (index: number) => column[index] ?? NaN;
  switch (operator) {
    case '>':
      return (index: number) => at(index) > limitHeld;
    case '>=':
      return (index: number) => at(index) >= limitHeld;
    case '<':
      return (index: number) => at(index) < limitHeld;
    case '<=':
      return (index: number) => at(index) <= limitHeld;
    case '=':
      return (index: number) => at(index) === limitHeld;
  }
}

function hasLabel(info: Info, name: string, value: string | undefined): boolean {
  const labels = info.labels;
  if (labels === undefined || !Object.hasOwn(labels, name)) return false;
  return value === undefined || labels[name]?.toLowerCase() === value.toLowerCase();
}
