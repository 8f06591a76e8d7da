import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { acknowledge, askAlerts, askSilences, endSilence, silence } from './api';
import { alertOf } from './sample';

let asked: { address: string; method: string; body: unknown }[];
let answer: () => Response | Promise<Response>;

beforeEach(() => {
  asked = [];
  answer = () => Response.json({});
  vi.stubGlobal('document', { baseURI: 'https://monitor.example/under/#/alerts' });
  vi.stubGlobal('fetch', (address: string, options: RequestInit) => {
    const body: unknown = typeof options.body === 'string' ? JSON.parse(options.body) : undefined;
    asked.push({ address, method: options.method ?? '', body });
    return answer();
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const API = 'https://monitor.example/under/api/v1/';

describe('questions about alerts', () => {
  it('name what is asked for, and leave out the rest', async () => {
    answer = () => Response.json({ alerts: [alertOf()], next: 'n' });
    const question = { state: 'cleared', host: 'web 1', kind: undefined, limit: 50 } as const;
    expect(await askAlerts(question)).toEqual({ alerts: [alertOf()], next: 'n' });
    expect(asked[0]?.address).toBe(`${API}alerts?state=cleared&host=web+1&limit=50`);
  });

  it('read what is silenced', async () => {
    const one = { id: 's', host: 'web-1', from_ms: 1, until_ms: 2, by: 'Ada' };
    answer = () => Response.json({ silences: [one] });
    expect(await askSilences()).toEqual([one]);
  });

  it('fail with what does not follow the protocol', async () => {
    answer = () => new Response('<html>');
    await expect(askAlerts({ state: 'all' })).rejects.toMatchObject({
      sentence: 'something unexpected',
    });
  });
});

describe('what is done about alerts', () => {
  it('is told to the server', async () => {
    await acknowledge('a/b', 'Ada', 'on it');
    await silence({ host: 'web-1', kind: 'level', resource: 'cpu', for_ms: 5, by: 'Ada' });
    answer = () => new Response(null, { status: 204 });
    await endSilence('s', 'Ada & Bob');
    await endSilence('s', '');
    expect(asked).toEqual([
      {
        address: `${API}alerts/a%2Fb/acknowledgement`,
        method: 'POST',
        body: { by: 'Ada', note: 'on it' },
      },
      {
        address: `${API}silences`,
        method: 'POST',
        body: { host: 'web-1', kind: 'level', resource: 'cpu', for_ms: 5, by: 'Ada' },
      },
      { address: `${API}silences/s?by=Ada+%26+Bob`, method: 'DELETE', body: undefined },
      { address: `${API}silences/s`, method: 'DELETE', body: undefined },
    ]);
  });

  it('is not done when a proxy answers with its login', async () => {
    answer = () => new Response('<html>');
    for (const done of [
      acknowledge('a', 'Ada'),
      silence({ host: 'web-1', for_ms: 5, by: 'Ada' }),
      endSilence('s', 'Ada'),
    ]) {
      await expect(done).rejects.toMatchObject({ sentence: 'something unexpected' });
    }
  });

  it('fails with the words of the server', async () => {
    answer = () => Response.json({ error: 'the broker is away' }, { status: 503 });
    await expect(acknowledge('a', 'Ada')).rejects.toMatchObject({ sentence: 'the broker is away' });
    answer = () => new Response('<html>', { status: 502 });
    await expect(endSilence('s', 'Ada')).rejects.toMatchObject({ sentence: 'status 502' });
  });

  it('fails without words when nobody answers', async () => {
    answer = () => Promise.reject(new TypeError('Failed to fetch'));
    await expect(acknowledge('a', 'Ada')).rejects.toMatchObject({ sentence: undefined });
  });

  it('gives back the reason of whoever took the question back', async () => {
    const control = new AbortController();
    control.abort(new Error('gone'));
    answer = () => Promise.reject(new TypeError('aborted'));
    await expect(askSilences(control.signal)).rejects.toThrow('gone');
  });
});
