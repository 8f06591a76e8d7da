import { expect, it } from 'vitest';
import { Judgement } from './judgement';
import { FLOWING, UP } from './sample';

const DOWN = { state: 'down', since_ms: 0 } as const;
const NO_ANALYZER = { state: 'no_analyzer', since_ms: 0 } as const;
const IDLE = { state: 'idle', since_ms: 50_000 } as const;

it('judges from when the link is up, for a page that finds all well', () => {
  const judgement = new Judgement();
  const link = { ...UP, since_ms: 7_000 };
  expect(judgement.fromMs(false, undefined, undefined, 59_000)).toBe(Infinity);
  expect(judgement.fromMs(true, link, FLOWING, 60_000)).toBe(7_000);
});

it('judges nobody while the page, the broker or the analyzer is away', () => {
  const judgement = new Judgement();
  expect(judgement.fromMs(false, UP, FLOWING, 1)).toBe(Infinity);
  expect(new Judgement().fromMs(true, DOWN, FLOWING, 1)).toBe(Infinity);
  expect(new Judgement().fromMs(true, { ...UP, state: 'blocked' }, FLOWING, 1)).toBe(Infinity);
  expect(new Judgement().fromMs(true, UP, NO_ANALYZER, 1)).toBe(Infinity);
});

it('begins anew when the broker or the analyzer is back', () => {
  const judgement = new Judgement();
  judgement.fromMs(true, UP, FLOWING, 1_000);
  judgement.fromMs(true, UP, NO_ANALYZER, 20_000);
  expect(judgement.fromMs(true, UP, FLOWING, 40_000)).toBe(40_000);
  expect(judgement.fromMs(true, UP, FLOWING, 41_000)).toBe(40_000);
});

it('still judges when no tracker sends: that is their own silence', () => {
  const judgement = new Judgement();
  judgement.fromMs(true, UP, FLOWING, 1_000);
  expect(judgement.fromMs(true, UP, IDLE, 50_000)).toBe(0);
});

it('waits a moment after the page was away, and then judges as before', () => {
  const judgement = new Judgement();
  judgement.fromMs(true, UP, FLOWING, 1_000);
  judgement.fromMs(false, UP, FLOWING, 20_000);
  expect(judgement.fromMs(true, UP, FLOWING, 30_000)).toBe(Infinity);
  expect(judgement.fromMs(true, UP, FLOWING, 32_000)).toBe(0);
});
