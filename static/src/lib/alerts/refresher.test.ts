import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { refresher } from './refresher';

const AFTER_MS = 300;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

it('asks at once, and once for the changes that come together', async () => {
  const ask = vi.fn(() => Promise.resolve());
  const { want } = refresher(ask, AFTER_MS);
  want();
  await vi.advanceTimersByTimeAsync(0);
  expect(ask).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(10 * AFTER_MS);
  expect(ask).toHaveBeenCalledTimes(1);
  want();
  want();
  await vi.advanceTimersByTimeAsync(AFTER_MS);
  expect(ask).toHaveBeenCalledTimes(2);
});

it('is not put off by changes that never end', async () => {
  const ask = vi.fn(() => Promise.resolve());
  const { want } = refresher(ask, AFTER_MS);
  for (let i = 0; i < 100; i += 1) {
    want();
    await vi.advanceTimersByTimeAsync(AFTER_MS / 10);
  }
  expect(ask.mock.calls.length).toBeGreaterThanOrEqual(9);
});

it('asks one question at a time, and again for what changed during it', async () => {
  const answers: (() => void)[] = [];
  const ask = vi.fn(() => new Promise<void>((resolve) => answers.push(resolve)));
  const { want } = refresher(ask, AFTER_MS);
  want();
  await vi.advanceTimersByTimeAsync(0);
  want();
  await vi.advanceTimersByTimeAsync(10 * AFTER_MS);
  expect(ask).toHaveBeenCalledTimes(1);
  answers[0]?.();
  await vi.advanceTimersByTimeAsync(AFTER_MS);
  expect(ask).toHaveBeenCalledTimes(2);
});

it('asks nothing once it is stopped, and takes its question back', async () => {
  const signals: AbortSignal[] = [];
  const { want, stop } = refresher((signal) => {
    signals.push(signal);
    return Promise.resolve();
  }, AFTER_MS);
  want();
  await vi.advanceTimersByTimeAsync(0);
  want();
  stop();
  want();
  await vi.advanceTimersByTimeAsync(10 * AFTER_MS);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
});
