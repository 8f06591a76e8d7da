import { expect, it } from 'vitest';
import { ServerClock } from './server-clock';

it('takes the quickest message for the truest', () => {
  const clock = new ServerClock();
  clock.begin(10_000, 1_000);
  clock.note(11_000, 5_000);
  expect([clock.offsetMs, clock.newestMs]).toEqual([9_000, 11_000]);
  clock.note(14_500, 5_100);
  expect(clock.offsetMs).toBe(9_400);
});

it('forgets an offset that held a minute ago', () => {
  const clock = new ServerClock();
  clock.begin(10_000, 0);
  for (let nowMs = 1_000; nowMs <= 59_000; nowMs += 1_000) clock.note(nowMs + 8_000, nowMs);
  expect(clock.offsetMs).toBe(10_000);
  for (let nowMs = 60_000; nowMs <= 61_000; nowMs += 1_000) clock.note(nowMs + 8_000, nowMs);
  expect(clock.offsetMs).toBe(8_000);
});

it('is not set back by what was missed before the connection', () => {
  const clock = new ServerClock();
  clock.begin(100_000, 0);
  expect(clock.note(70_000, 10)).toBe(false);
  expect([clock.offsetMs, clock.newestMs]).toEqual([100_000, 100_000]);
  expect(clock.note(100_200, 200)).toBe(true);
});

it('begins anew with a connection, be it to a server that is behind', () => {
  const clock = new ServerClock();
  clock.begin(100_000, 0);
  clock.begin(50_000, 1_000);
  expect([clock.offsetMs, clock.newestMs]).toEqual([49_000, 50_000]);
});
