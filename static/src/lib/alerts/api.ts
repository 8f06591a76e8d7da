/** Asks the server about alerts, and tells it what was done about them. */

import { list, optional, record, string } from '../guard';
import { request, RequestError } from '../request';
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

export async function askAlerts(question: Question, signal?: AbortSignal): Promise<Answer> {
  const fields = Object.entries(question).filter(([, value]) => value !== undefined);
  const search = new URLSearchParams(fields.map(([name, value]) => [name, String(value)]));
  return read(await ask('GET', `alerts?${search.toString()}`, undefined, signal), (body) => {
    const answer = record(body, 'answer');
    const next = optional(answer.next, (value) => string(value, 'next'));
    return { alerts: parseEntries(answer.alerts, ignore), next };
  });
}

export async function askSilences(signal?: AbortSignal): Promise<readonly Silence[]> {
  return read(await ask('GET', 'silences', undefined, signal), (body) => {
    return list(record(body, 'answer').silences, 'silences').map(parseSilence);
  });
}

export async function acknowledge(id: string, by: string, note?: string): Promise<void> {
  const path = `alerts/${encodeURIComponent(id)}/acknowledgement`;
  read(await ask('POST', path, { by, note }), parseDone);
}

export async function silence(wanted: NewSilence): Promise<void> {
  read(await ask('POST', 'silences', wanted), parseDone);
}

/** Ends it, as `by` when that is known. */
export async function endSilence(id: string, by: string): Promise<void> {
  const search = by === '' ? '' : `?${new URLSearchParams({ by }).toString()}`;
  await ask('DELETE', `silences/${encodeURIComponent(id)}${search}`);
}

/** One that cannot be read is left out: a newer server may tell of what this page does not know. */
const ignore = () => undefined;

const parseDone = (body: unknown) => record(body, 'answer');

function read<T>(body: unknown, parse: (body: unknown) => T): T {
  try {
    return parse(body);
  } catch (error) {
    throw new AlertsError(error instanceof Error ? error.message : String(error));
  }
}

async function ask(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  const options = {
    method,
    ...(signal !== undefined && { signal }),
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  };
  try {
    return await request(new URL(`api/v1/${path}`, document.baseURI).href, options, fetch);
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    throw new AlertsError(
      error.status === undefined ? undefined : (error.sentence ?? error.message),
    );
  }
}
