import { describe, expect, it } from 'vitest';
import { hostAt } from './sample';
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

describe('causes', () => {
  it('name what raises a host above its CPU', () => {
    const resources = [
      { name: 'cpu', percentage: 3, level: 'LOW' },
      { name: 'disk:/', percentage: 93.2, level: 'HIGH' },
    ] as const;
    expect(words.causes(hostAt('a', 0, { level: 'HIGH', resources }))).toBe('disk / · 93%');
    expect(words.causes(hostAt('a', 0, { level: 'HIGH', cpu_result: 'HIGH', resources }))).toBe('');
  });
});

it('the title counts what is urgent', () => {
  expect(words.title(0)).toBe('Resources');
  expect(words.title(3)).toBe('(3 HIGH) Resources');
});
