import { describe, expect, it } from 'vitest';
import { KINDS } from '../alerts/entry';
import { alertOf } from '../alerts/sample';
import * as words from './alerts';

const ofHost = { id: 'a', host: 'web-1', since_ms: 1, timestamp_ms: 1 };

describe('an alert in words', () => {
  it.each([
    [alertOf(), 'CPU at 93%', 'Level · CPU'],
    [alertOf({ resource: 'disk:/var', percentage: 91 }), 'Disk /var at 91%', 'Level · Disk /var'],
    [alertOf({ kind: 'flapping' }), 'CPU keeps changing', 'Flapping · CPU'],
    [{ ...ofHost, kind: 'silent' as const }, 'Sends nothing', 'Silent'],
    [{ ...ofHost, kind: 'smoke' as never }, 'Host: smoke', 'smoke'],
  ])('%#: says what is the matter, and which rule says so', (alert, condition, rule) => {
    expect(words.condition(alert)).toBe(condition);
    expect(words.rule(alert)).toBe(rule);
  });

  it('has words for every kind', () => {
    for (const kind of KINDS) {
      expect(words.condition({ ...ofHost, kind })).not.toBe('');
      expect(words.kindWord(kind)).not.toBe(kind);
    }
  });

  it('calls no machine what is none', () => {
    expect(words.hostName('resources.pipeline')).toBe('All hosts');
    expect(words.hostName('web-1')).toBe('web-1');
  });
});

it('counts', () => {
  expect(words.listed(1, 1, 0)).toBe('1 alert, 0 open');
  expect(words.listed(3, 1_200, 2)).toBe('3 of 1,200 alerts, 2 open');
  expect(words.ofHost(1, [alertOf()])).toBe('1 alert: CPU at 93%');
  expect(
    words.ofHost(
      7,
      Array.from({ length: 7 }, () => alertOf()),
    ),
  ).toMatch(/^7 alerts: .*, 2 more$/);
});

it('says what is silenced', () => {
  const silence = { id: 's', host: 'web-1', from_ms: 1, until_ms: 2, by: 'Ada' };
  expect(words.silenced(silence)).toBe('web-1');
  expect(words.silenced({ ...silence, resource: 'cpu' })).toBe('web-1, CPU');
  expect(words.silenced({ ...silence, kind: 'level', resource: 'cpu' })).toBe('web-1, Level · CPU');
});

it('says why something was not done', () => {
  expect(words.failure(undefined)).toMatch(/cannot be reached/);
  expect(words.failure('the broker is away.')).toBe('The server answered: the broker is away.');
});

it('names marks', () => {
  expect(words.marks([alertOf()])).toMatch(/^CPU at 93%, .* – now$/);
  expect(words.marksUtc([alertOf({ since_ms: 5_000 })])).toBe('1970-01-01 00:00:05 UTC – now');
  const over = [
    alertOf({ since_ms: 9_000, cleared_ms: 61_000 }),
    alertOf({ since_ms: 2_000, cleared_ms: 3_000 }),
  ];
  expect(words.marksUtc(over)).toBe('1970-01-01 00:00:02 UTC – 1970-01-01 00:01:01 UTC');
  expect(words.marks(Array.from({ length: 5 }, () => alertOf()))).toMatch(/^5 alerts: .*; …$/);
});
