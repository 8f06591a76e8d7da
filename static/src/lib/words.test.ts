import { describe, expect, it } from 'vitest';
import * as words from './words';

describe('the notice about the page', () => {
  it('says when it tries again', () => {
    const state = { phase: 'waiting', retryAtMs: 12_300, why: 'lost' } as const;
    expect(words.pageNotice(state, true, 10_000)).toMatchObject({
      happened: 'Connection to the server lost.',
      next: 'Trying again in 3 s…',
    });
    expect(words.pageNotice(state, true, 99_000)?.next).toBe('Trying again in 1 s…');
  });

  it('does not call lost what was never there', () => {
    const state = { phase: 'waiting', retryAtMs: 1, why: 'unreachable' } as const;
    expect(words.pageNotice(state, false, 0)?.happened).toBe('The server cannot be reached.');
  });

  it('is silent when all is well, and while the page opens', () => {
    expect(words.pageNotice({ phase: 'open' }, true, 0)).toBeNull();
    expect(words.pageNotice({ phase: 'connecting' }, false, 0)).toBeNull();
  });
});

describe('the state of the page', () => {
  it('is no better in the head than in the notice', () => {
    const open = { phase: 'open' } as const;
    expect(words.pageCondition(open, false, true).words).toBe('connected');
    expect(words.pageCondition(open, true, true).words).toBe('not heard');
    expect(words.pageCondition(open, true, false).words).toBe('offline');
    // What comes over a network that is gone was on its way.
    expect(words.pageCondition(open, false, false).words).toBe('connected');
    expect(words.pageCondition({ phase: 'connecting' }, false, false).words).toBe('offline');
  });
});

describe('the state of the broker', () => {
  it('is unknown while the page itself is not connected', () => {
    const link = { state: 'up', since_ms: 0 } as const;
    expect(words.brokerCondition(link, true).words).toBe('connected');
    expect(words.brokerCondition(link, false).words).toBe('unknown');
  });

  it('comes with its reason, which ends in one full stop', () => {
    const link = { state: 'down', since_ms: 0, reason: 'connection refused.' } as const;
    expect(words.brokerNotice(link)?.why).toBe('Reason: connection refused.');
    expect(words.brokerNotice({ state: 'up', since_ms: 0 })).toBeNull();
  });
});

describe('history', () => {
  it('is spoken of only when it lags', () => {
    expect(words.historyLag({ state: 'on' }, true)).toBeNull();
    expect(words.historyLag({ state: 'off' }, true)).toBeNull();
    expect(words.historyLag(undefined, true)).toBeNull();
    const lagging = { state: 'lagging', reason: 'the disk is full.' } as const;
    expect(words.historyLag(lagging, false)).toBeNull();
    expect(words.historyLag(lagging, true)?.explanation).toContain(
      'not being written: the disk is full. What',
    );
  });

  it('counts what was back-filled', () => {
    expect(words.backFilling(1_200)).toContain('1,200 so far');
    expect(words.backFilling(undefined)).not.toContain('so far');
  });
});

describe('the analyzer', () => {
  it('is spoken of with what waits for it and how to start one', () => {
    const notice = words.pipelineNotice({
      state: 'no_analyzer',
      since_ms: 0,
      waiting_measures: 1_200,
    });
    expect(notice?.happened).toBe('No analyzer is running, and 1,200 measures wait for one.');
    expect(notice?.command).toContain('resources-analyzer');
    const stalled = words.pipelineNotice({ state: 'stalled', since_ms: 0, waiting_measures: 1 });
    expect(stalled?.happened).toContain('1 measure waits');
  });
});

describe('hosts that say nothing', () => {
  it('are counted in one sentence', () => {
    expect(words.silentHosts(0, 0)).toBe('');
    expect(words.silentHosts(2, 1)).toBe('1 host is silent, 2 hosts are late.');
  });

  it('have a sentence each', () => {
    expect(words.hostSilence('fresh', 100, 1_000)).toBe('');
    expect(words.hostSilence('late', 4_000, 1_000).replaceAll('\u00a0', ' ')).toBe(
      'Nothing was received from this host for 4 s; it should send every 1 s.',
    );
    expect(words.hostSilence('silent', 60_000, 1_000)).toContain('can reach the broker');
  });
});

describe('the command that starts a tracker', () => {
  it('takes the host of the page for that of the broker, and says that this is a guess', () => {
    const { command, fillIn } = words.startTracker('monitor.example');
    expect(command).toContain('amqp://USER:PASSWORD@monitor.example:5672/%2f');
    expect(fillIn).toMatch(/^Fill in USER and PASSWORD, .* than monitor\.example if/);
  });

  it.each(['localhost', '127.0.0.1', '[::1]', ''])('does not lead others to %j', (host) => {
    const { command, fillIn } = words.startTracker(host);
    expect(command).toContain('@BROKER:5672');
    expect(fillIn).toContain('BROKER, the address');
  });
});

it('causes name what raises a host above its CPU', () => {
  expect(words.causes({ host: 'a', causes: ['disk:/', 'swap'] })).toBe('disk /, swap');
  expect(words.causes({ host: 'a' })).toBe('');
});

it('the filter says what it needs, whatever was typed', () => {
  for (const kind of [
    'level',
    'state',
    'number',
    'label',
    'unknown-figure',
    'unknown-key',
  ] as const) {
    expect(words.filterProblem({ term: 'x>y', kind })).toMatch(/^“x>y”.*\.$/);
  }
});

it('times are told here and in UTC', () => {
  const text = words.sampleTimes(Date.UTC(2026, 10, 20, 19, 45, 3), Date.UTC(2026, 10, 20, 19, 45));
  expect(text).toContain('(2026-11-20 19:45:03 UTC)');
  expect(text).toContain('(2026-11-20 19:45:00 UTC)');
});

it('the title counts what is urgent', () => {
  expect(words.title(0, 0, true)).toBe('Resources');
  expect(words.title(3, 0, true)).toBe('(3 HIGH) Resources');
  expect(words.title(3, 1, true)).toBe('(1 alert, 3 HIGH) Resources');
  expect(words.title(0, 2, true)).toBe('(2 alerts) Resources');
  expect(words.title(3, 0, true, 'web-1')).toBe('(3 HIGH) web-1 · Resources');
  expect(words.title(3, 0, false)).toBe('(not live, 3 HIGH) Resources');
  expect(words.title(0, 0, false)).toBe('(not live) Resources');
});
