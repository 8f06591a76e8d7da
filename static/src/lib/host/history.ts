/** Asks the server for the history of one host, and checks what it answers. */

import { MAX_HISTORY_FIGURES, MAX_HISTORY_NAMES } from '../generated/constants';
import { ContractError, list, number, positive, record, string } from '../guard';
import { request, RequestError, type Fetch } from '../request';

/** One stretch of time of some resources, in at most so many columns. */
export interface Question {
  readonly host: string;
  readonly resources: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  readonly points: number;
}

/** One resource in columns; a column without a sample is `null`. */
export interface HistorySeries {
  readonly minimum: readonly (number | null)[];
  readonly average: readonly (number | null)[];
  readonly maximum: readonly (number | null)[];
  readonly samples: readonly number[];
}

export interface Answer {
  readonly fromMs: number;
  readonly toMs: number;
  /** Width of a column. */
  readonly stepMs: number;
  /** Where the figures come from: `raw`, or the width of the roll-ups. */
  readonly tier: string;
  /** Starts of the columns. */
  readonly timestampsMs: readonly number[];
  readonly series: ReadonlyMap<string, HistorySeries>;
}

/** What can be done about a question that was not answered. */
export type Trouble =
  /** The server keeps no history. */
  | 'off'
  /** Neither history nor the server has heard of the host. */
  | 'unknown'
  /** Many questions are before this one; later it may be answered. */
  | 'busy'
  /** The server could not be reached. */
  | 'unreachable'
  /** The server answered what this page does not understand, or refused. */
  | 'failed';

export class HistoryError extends Error {
  override readonly name = 'HistoryError';
  readonly trouble: Trouble;

  constructor(trouble: Trouble, message: string) {
    super(message);
    this.trouble = trouble;
  }
}

/** A name with a comma cannot be asked for: commas stand between names. */
export function canBeAskedFor(resource: string): boolean {
  return resource !== '' && !resource.includes(',');
}

/** Addresses of the requests a question takes, relative to the page. */
export function addresses(question: Question, baseUri: string): string[] {
  const names = [...new Set(question.resources)].filter(canBeAskedFor);
  const requests: string[] = [];
  for (let first = 0; first < names.length; first += MAX_HISTORY_NAMES) {
    const some = names.slice(first, first + MAX_HISTORY_NAMES);
    const address = new URL(`api/v1/hosts/${encodeURIComponent(question.host)}/history`, baseUri);
    address.hash = '';
    address.search = new URLSearchParams({
      from: String(Math.max(0, Math.floor(question.fromMs))),
      to: String(Math.ceil(question.toMs)),
      points: String(pointsFor(question)),
      resource: some.join(','),
    }).toString();
    requests.push(address.href);
  }
  return requests;
}

/** The same for each request of a question, so that all answers have the same columns. */
function pointsFor({ points, resources }: Question): number {
  const names = Math.min(MAX_HISTORY_NAMES, Math.max(1, resources.length));
  return Math.max(1, Math.min(Math.floor(points), Math.floor(MAX_HISTORY_FIGURES / names)));
}

/**
 * Asks one question. Throws `HistoryError` when there is no answer, and the signal's reason when
 * the question was taken back.
 */
export async function askHistory(
  question: Question,
  signal: AbortSignal,
  baseUri: string,
  fetch: Fetch,
): Promise<Answer> {
  const answers = await Promise.all(
    addresses(question, baseUri).map(async (address) => ask(address, signal, fetch)),
  );
  const [first, ...others] = answers;
  if (first === undefined) return emptyAnswer(question);
  const series = new Map(first.series);
  for (const other of others) {
    if (other.stepMs !== first.stepMs || other.timestampsMs[0] !== first.timestampsMs[0]) {
      throw new HistoryError('failed', 'two parts of one answer have different columns');
    }
    for (const [name, columns] of other.series) series.set(name, columns);
  }
  return { ...first, series };
}

function emptyAnswer({ fromMs, toMs }: Question): Answer {
  return { fromMs, toMs, stepMs: toMs - fromMs, tier: 'raw', timestampsMs: [], series: new Map() };
}

async function ask(address: string, signal: AbortSignal, fetch: Fetch): Promise<Answer> {
  try {
    return parseAnswer(await request(address, { signal }, fetch));
  } catch (error) {
    if (error instanceof ContractError) {
      throw new HistoryError('failed', `the answer does not follow the protocol: ${error.message}`);
    }
    if (!(error instanceof RequestError)) throw error;
    const { status, sentence, message } = error;
    if (status === undefined) throw new HistoryError('unreachable', message);
    const said = sentence ?? `the server answered with ${message}`;
    throw new HistoryError(troubleOf(status, sentence), said);
  }
}

function troubleOf(status: number, sentence: string | undefined): Trouble {
  // Without a sentence of the server, it was somebody before it who answered.
  if (status === 404) return sentence === undefined ? 'failed' : 'unknown';
  if (status === 502 || status === 504) return 'unreachable';
  if (status !== 503) return 'failed';
  if (sentence === undefined) return 'unreachable';
  return /\boff\b/.test(sentence) ? 'off' : 'busy';
}

/** Reads an answer as docs/api.md describes it; throws `ContractError` for any other. */
export function parseAnswer(input: unknown): Answer {
  const answer = record(input, 'answer');
  const timestampsMs = numbers(answer.timestamps_ms, 'timestamps_ms');
  timestampsMs.forEach((timestamp, i) => {
    if (timestamp <= (timestampsMs[i - 1] ?? -Infinity)) {
      throw new ContractError('timestamps_ms do not ascend');
    }
  });
  const columns = timestampsMs.length;
  const series = new Map<string, HistorySeries>();
  for (const each of list(answer.series, 'series')) {
    const one = record(each, 'series');
    const resource = string(one.resource, 'resource of a series');
    const at = (field: string) => `${field} of ${resource}`;
    series.set(resource, {
      minimum: figures(one.minimum, columns, at('minimum')),
      average: figures(one.average, columns, at('average')),
      maximum: figures(one.maximum, columns, at('maximum')),
      samples: numbers(one.samples, at('samples'), columns),
    });
  }
  return {
    fromMs: number(answer.from_ms, 'from_ms'),
    toMs: number(answer.to_ms, 'to_ms'),
    stepMs: positive(answer.step_ms, 'step_ms'),
    tier: string(answer.tier, 'tier'),
    timestampsMs,
    series,
  };
}

function column(input: unknown, where: string, length: number): readonly unknown[] {
  const values = list(input, where);
  if (values.length === length) return values;
  throw new ContractError(`${where} must have ${length} columns, not ${values.length}`);
}

function numbers(input: unknown, where: string, length?: number): number[] {
  const values = length === undefined ? list(input, where) : column(input, where, length);
  return values.map((value) => number(value, where));
}

function figures(input: unknown, length: number, where: string): (number | null)[] {
  return column(input, where, length).map((value) =>
    value === null ? null : number(value, where),
  );
}
