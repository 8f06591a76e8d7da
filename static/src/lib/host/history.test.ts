import { describe, expect, it } from 'vitest';
import { addresses, askHistory, HistoryError, parseAnswer, type Question } from './history';

const QUESTION: Question = {
  host: 'web-1',
  resources: ['cpu', 'disk:/var log'],
  fromMs: 1_000.4,
  toMs: 2_000.2,
  points: 300,
};

const BODY = {
  host: 'web-1',
  from_ms: 1_000,
  to_ms: 31_000,
  step_ms: 10_000,
  tier: '10s',
  timestamps_ms: [0, 10_000, 20_000],
  series: [
    {
      resource: 'cpu',
      minimum: [1, null, 2],
      average: [2, null, 2.5],
      maximum: [3, null, 3],
      samples: [10, 0, 10],
    },
  ],
};

const signal = () => new AbortController().signal;
const answering = (status: number, body: unknown) => () =>
  Promise.resolve(new Response(JSON.stringify(body), { status }));

async function troubleOf(asked: Promise<unknown>): Promise<string> {
  const error: unknown = await asked.then(
    () => 'an answer',
    (reason: unknown) => reason,
  );
  return error instanceof HistoryError ? `${error.trouble}: ${error.message}` : String(error);
}

describe('the address of a question', () => {
  it('lies beside the page, under any base path', () => {
    const [address] = addresses(QUESTION, 'https://example.com/monitor/#/hosts/web-1');
    const url = new URL(address ?? '');
    expect(url.pathname).toBe('/monitor/api/v1/hosts/web-1/history');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      from: '1000',
      to: '2001',
      points: '300',
      resource: 'cpu,disk:/var log',
    });
    expect(url.hash).toBe('');
  });

  it('asks for many names in several requests of the same columns', () => {
    const resources = Array.from({ length: 150 }, (_, i) => `temperature:${i}`);
    const asked = addresses({ ...QUESTION, resources, points: 10_000 }, 'http://a/');
    expect(asked).toHaveLength(3);
    const points = asked.map((address) => Number(new URL(address).searchParams.get('points')));
    expect(new Set(points).size).toBe(1);
    expect((points[0] ?? 0) * 64).toBeLessThanOrEqual(100_000);
  });

  it('leaves out names that cannot be asked for', () => {
    const [address] = addresses(
      { ...QUESTION, resources: ['disk:/a,b', 'cpu', 'cpu'] },
      'http://a/',
    );
    expect(new URL(address ?? '').searchParams.get('resource')).toBe('cpu');
    expect(addresses({ ...QUESTION, resources: ['disk:/a,b'] }, 'http://a/')).toEqual([]);
  });
});

describe('an answer', () => {
  it('is read in columns', async () => {
    const answer = await askHistory(QUESTION, signal(), 'http://a/', answering(200, BODY));
    expect(answer.stepMs).toBe(10_000);
    expect(answer.series.get('cpu')?.average).toEqual([2, null, 2.5]);
  });

  it.each([
    ['answer must be an object', []],
    ['timestamps_ms do not ascend', { ...BODY, timestamps_ms: [0, 20_000, 10_000] }],
    ['step_ms must be above zero', { ...BODY, step_ms: 0 }],
    ['tier must be a string', { ...BODY, tier: 5 }],
    ['series must be a list', { ...BODY, series: {} }],
    ['resource of a series must be a string', { ...BODY, series: [{}] }],
    ['must have 3 columns, not 1', { ...BODY, series: [{ ...BODY.series[0], average: [1] }] }],
    ['must be a number', { ...BODY, series: [{ ...BODY.series[0], maximum: ['1', null, 1] }] }],
    ['must be a number', { ...BODY, series: [{ ...BODY.series[0], samples: [1, null, 1] }] }],
  ])('that is wrong is not believed: %s', (what, body) => {
    expect(() => parseAnswer(body)).toThrow(what);
  });

  it('of several requests is one', async () => {
    const resources = Array.from({ length: 65 }, (_, i) => `temperature:${i}`);
    const fetch = (address: string) => {
      const names = new URL(address).searchParams.get('resource')?.split(',') ?? [];
      const series = names.map((resource) => ({ ...BODY.series[0], resource }));
      return Promise.resolve(Response.json({ ...BODY, series }));
    };
    const answer = await askHistory({ ...QUESTION, resources }, signal(), 'http://a/', fetch);
    expect(answer.series.size).toBe(65);
  });
});

describe('trouble', () => {
  it.each([
    [404, { error: 'no such host' }, 'unknown: no such host'],
    [503, { error: 'history is off' }, 'off: history is off'],
    [503, { error: 'too many questions' }, 'busy: too many questions'],
    [502, {}, 'unreachable: the server answered with status 502'],
    [400, { error: 'points must be a whole number' }, 'failed: points must be a whole number'],
  ])('is told apart: %i %o', async (status, body, expected) => {
    const asked = askHistory(QUESTION, signal(), 'http://a/', answering(status, body));
    expect(await troubleOf(asked)).toBe(expected);
  });

  it.each([
    [200, 'failed: the server answered with something unexpected'],
    [403, 'failed: the server answered with status 403'],
    [404, 'failed: the server answered with status 404'],
    [500, 'failed: the server answered with status 500'],
    [502, 'unreachable: the server answered with status 502'],
    [503, 'unreachable: the server answered with status 503'],
  ])('of a proxy is told by its status: %i', async (status, expected) => {
    const fetch = () => Promise.resolve(new Response('<h1>A proxy</h1>', { status }));
    expect(await troubleOf(askHistory(QUESTION, signal(), 'http://a/', fetch))).toBe(expected);
  });

  it('of the way there is no answer of the server', async () => {
    const fetch = () => Promise.reject(new TypeError('Failed to fetch'));
    expect(await troubleOf(askHistory(QUESTION, signal(), 'http://a/', fetch))).toBe(
      'unreachable: Failed to fetch',
    );
  });

  it('is none when the question was taken back', async () => {
    const controller = new AbortController();
    const fetch = () => {
      controller.abort(new Error('another range'));
      return Promise.reject(new TypeError('aborted'));
    };
    const asked = askHistory(QUESTION, controller.signal, 'http://a/', fetch);
    expect(await troubleOf(asked)).toBe('Error: another range');
  });
});
