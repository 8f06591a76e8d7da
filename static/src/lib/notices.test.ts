import { expect, it } from 'vitest';
import { noticeOf, type Conditions } from './notices';
import { FLOWING, UP } from './sample';

const well: Conditions = {
  online: true,
  broken: false,
  state: { phase: 'open' },
  isQuiet: false,
  wasOpen: true,
  link: UP,
  pipeline: FLOWING,
  nowMs: 0,
};
const waiting = { phase: 'waiting', retryAtMs: 2_000, why: 'lost' } as const;
const down = { state: 'down', since_ms: 0 } as const;
const noAnalyzer = { state: 'no_analyzer', since_ms: 0, waiting_measures: 2 } as const;

const happened = (more: Partial<Conditions>) => noticeOf({ ...well, ...more })?.happened;

it('says nothing when all is well', () => {
  expect(noticeOf(well)).toBeNull();
});

it('says one thing: the cause nearest to the page', () => {
  const all = { link: down, pipeline: noAnalyzer } as const;
  expect(happened({ ...all, state: waiting, online: false })).toBe('This browser is offline.');
  expect(happened({ ...all, state: waiting })).toBe('Connection to the server lost.');
  expect(happened(all)).toBe('The server has lost its link to the broker.');
  expect(happened({ pipeline: noAnalyzer })).toBe(
    'No analyzer is running, and 2 measures wait for one.',
  );
  expect(happened({ pipeline: { ...noAnalyzer, state: 'stalled' } })).toContain('stalled');
  expect(happened({ pipeline: { state: 'idle', since_ms: 0 } })).toBe('No tracker is sending.');
  expect(happened({ pipeline: { state: 'unknown', since_ms: 0 } })).toContain('cannot find out');
});

it('believes a connection that is there more than the browser, as long as it says something', () => {
  expect(happened({ online: false })).toBeUndefined();
  expect(happened({ online: false, isQuiet: true })).toBe('This browser is offline.');
});

it('speaks of a connection gone quiet before what lies behind it', () => {
  expect(happened({ isQuiet: true, pipeline: noAnalyzer })).toBe(
    'Nothing is heard from the server.',
  );
});
