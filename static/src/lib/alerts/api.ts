/** Asks the server about alerts, and tells it what was done about them. */

import { list, optional, record, string } from '../guard';
import { parseEntries, parseSilence, type AlertEntry, type Silence } from './entry';
import type { Rule } from './list';

export interface Question extends Rule {
  readonly state: 'active' | 'cleared' | 'all';
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly limit?: number | undefined;
  /** Goes on where an answer ended. */
  readonly before?: string | undefined;
}

export interface Answer {
  readonly alerts: readonly AlertEntry[];
  /** Where there are more. */
  readonly next: string | undefined;
}

export interface NewSilence extends Rule {
  readonly host: string;
  readonly for_ms: number;
  readonly by: string;
  readonly reason?: string | undefined;
}

/** Why there is no answer: what the server said, or nothing when it could not be reached. */
export class AlertsError extends Error {
  override readonly name = 'AlertsError';
  readonly sentence: string | undefined;

  constructor(sentence: string | undefined) {
    super(sentence);
    this.sentence = sentence;
  }
}

/** No longer than this does anyone wait; the server itself gives up after 5 s. */
const PATIENCE_MS = 15_000;

export async function askAlerts(question: Question, signal?: AbortSignal): Promise<Answer> {
  const fields = Object.entries(question).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(fields.map(([name, value]) => [name, String(value)]));
  return read(await request('GET', `alerts?${search.toString()}`, undefined, signal), (body) => {
    const answer = record(body, 'answer');
    const next = optional(answer.next, (value) => string(value, 'next'));
    return { alerts: parseEntries(answer.alerts, ignore), next };
  });
}

export async function askSilences(signal?: AbortSignal): Promise<readonly Silence[]> {
  return read(await request('GET', 'silences', undefined, signal), (body) => {
    return list(record(body, 'answer').silences, 'silences').map(parseSilence);
  });
}

export async function acknowledge(id: string, by: string, note?: string): Promise<void> {
  await request('POST', `alerts/${encodeURIComponent(id)}/acknowledgement`, { by, note });
}

export async function silence(wanted: NewSilence): Promise<void> {
  await request('POST', 'silences', wanted);
}

/** Ends it, as `by` when that is known. */
export async function endSilence(id: string, by: string): Promise<void> {
  const search = by === '' ? '' : `?${new URLSearchParams({ by }).toString()}`;
  await request('DELETE', `silences/${encodeURIComponent(id)}${search}`);
}

/** One that cannot be read is left out: a newer server may tell of what this page does not know. */
const ignore = () => undefined;

function read<T>(body: unknown, parse: (body: unknown) => T): T {
  try {
    return parse(body);
  } catch (error) {
    throw new AlertsError(error instanceof Error ? error.message : String(error));
  }
}

async function request(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  const address = new URL(`api/v1/${path}`, document.baseURI);
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response: Response;
  let text: string;
  try {
    response = await fetch(address, {
      method,
      signal: signal === undefined ? patience : AbortSignal.any([signal, patience]),
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    text = await response.text();
  } catch {
    signal?.throwIfAborted();
    throw new AlertsError(undefined);
  }
  const answer = parsed(text);
  if (response.ok) return answer;
  throw new AlertsError(errorOf(answer) ?? `status ${response.status}`);
}

/** `undefined` for what is not JSON: nothing, or what a proxy in between says. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function errorOf(body: unknown): string | undefined {
  const error = typeof body === 'object' && body !== null && 'error' in body ? body.error : '';
  return typeof error === 'string' && error !== '' ? error : undefined;
}
