/** Asks the server for the history of one host, and checks what it answers. */

import { MAX_HISTORY_FIGURES, MAX_HISTORY_NAMES } from '../generated/constants';

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

/** How to reach the server: `fetch`, or what stands for it in a test. */
export type Fetch = (address: string, options: { signal: AbortSignal }) => Promise<Response>;

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
    addresses(question, baseUri).map(async (address) => request(address, signal, fetch)),
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

async function request(address: string, signal: AbortSignal, fetch: Fetch): Promise<Answer> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(address, { signal });
    text = await response.text();
  } catch (error) {
    signal.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new HistoryError('unreachable', reason);
  }
  const body = parsed(text);
  if (response.ok) return parseAnswer(body);
  const sentence = errorOf(body);
  const trouble = troubleOf(response.status, sentence);
  throw new HistoryError(trouble, sentence ?? `the server answered with status ${response.status}`);
}

/** `undefined` for what is not JSON: a proxy in between speaks for itself. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
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

function errorOf(body: unknown): string | undefined {
  const error = isRecord(body) ? body.error : undefined;
  return typeof error === 'string' && error !== '' ? error : undefined;
}

/** Reads an answer as docs/api.md describes it; throws `HistoryError` for any other. */
export function parseAnswer(input: unknown): Answer {
  if (!isRecord(input)) throw malformed('the answer is no object');
  const timestampsMs = numbers(input.timestamps_ms, 'timestamps_ms');
  timestampsMs.forEach((timestamp, i) => {
    if (timestamp <= (timestampsMs[i - 1] ?? -Infinity)) {
      throw malformed('timestamps_ms do not ascend');
    }
  });
  const stepMs = number(input.step_ms, 'step_ms');
  if (stepMs <= 0) throw malformed('step_ms must be above zero');
  if (typeof input.tier !== 'string') throw malformed('tier must be a text');
  if (!Array.isArray(input.series)) throw malformed('series must be a list');
  const columns = timestampsMs.length;
  const series = new Map<string, HistorySeries>();
  for (const one of input.series as unknown[]) {
    if (!isRecord(one) || typeof one.resource !== 'string') {
      throw malformed('a series has no resource');
    }
    const at = (field: string) => `${field} of ${String(one.resource)}`;
    series.set(one.resource, {
      minimum: figures(one.minimum, columns, at('minimum')),
      average: figures(one.average, columns, at('average')),
      maximum: figures(one.maximum, columns, at('maximum')),
      samples: numbers(one.samples, at('samples'), columns),
    });
  }
  return {
    fromMs: number(input.from_ms, 'from_ms'),
    toMs: number(input.to_ms, 'to_ms'),
    stepMs,
    tier: input.tier,
    timestampsMs,
    series,
  };
}

function isRecord(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}

function number(input: unknown, where: string): number {
  if (typeof input !== 'number' || !Number.isFinite(input)) {
    throw malformed(`${where} must be a number`);
  }
  return input;
}

function list(input: unknown, where: string, length: number | undefined): unknown[] {
  if (!Array.isArray(input)) throw malformed(`${where} must be a list`);
  if (length !== undefined && input.length !== length) {
    throw malformed(`${where} must have ${length} columns, not ${input.length}`);
  }
  return input;
}

function numbers(input: unknown, where: string, length?: number): number[] {
  return list(input, where, length).map((value) => number(value, where));
}

function figures(input: unknown, length: number, where: string): (number | null)[] {
  return list(input, where, length).map((value) => (value === null ? null : number(value, where)));
}

function malformed(what: string): HistoryError {
  return new HistoryError('failed', `the answer does not follow the protocol: ${what}`);
}
