import { describe, expect, it } from 'vitest';
import { parseEntries, parseEntry, parseSilence } from './entry';
import { alertOf } from './sample';

describe('the guard of alerts', () => {
  it('lets in what the server tells, and nothing else', () => {
    const alert = alertOf({
      acknowledged: { by: 'Ada', at_ms: 5, note: 'on it' },
      silenced_until_ms: 9,
      cleared_ms: 8,
    });
    expect(parseEntry({ ...alert, colour: 'red' })).toEqual(alert);
    const { id, host, kind, since_ms, timestamp_ms } = alertOf({ kind: 'silent' });
    const least = { id, host, kind, since_ms, timestamp_ms };
    expect(parseEntry({ ...least, resource: null, level: null })).toEqual(least);
  });

  it('knows no kind that it would hide', () => {
    expect(parseEntry(alertOf({ kind: 'smoke' as never })).kind).toBe('smoke');
  });

  it('leaves out one that cannot be read, and says so', () => {
    const told: string[] = [];
    const read = parseEntries([alertOf(), { id: 7 }, alertOf({ id: 'b' })], (sentence) => {
      told.push(sentence);
    });
    expect(read.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(told).toEqual(['id of an alert must be a string']);
  });

  it('reads silences', () => {
    const silence = { id: 's', host: 'web-1', from_ms: 1, until_ms: 2, by: 'Ada' };
    expect(parseSilence({ ...silence, reason: undefined })).toEqual(silence);
    expect(() => parseSilence({ ...silence, until_ms: 'soon' })).toThrow(/until_ms/);
  });
});
