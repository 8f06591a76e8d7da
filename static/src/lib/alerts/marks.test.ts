import { describe, expect, it } from 'vitest';
import { alertsOfChart, marksOf } from './marks';
import { alertOf } from './sample';

const SPAN = { fromMs: 1_000, toMs: 2_000 };

describe('the alerts of a chart', () => {
  const ids = (resources: string[]) =>
    alertsOfChart(
      [
        alertOf({ id: 'cpu', since_ms: 1_500 }),
        alertOf({ id: 'disk', resource: 'disk:/', since_ms: 1_500 }),
        { id: 'host', host: 'web-1', kind: 'silent', since_ms: 0, timestamp_ms: 0 },
        alertOf({ id: 'before', since_ms: 1, cleared_ms: 1_000 }),
        alertOf({ id: 'after', since_ms: 2_000 }),
      ],
      resources,
      SPAN,
    ).map(({ id }) => id);

  it('are about its resources or the whole host, and of its time', () => {
    expect(ids(['cpu'])).toEqual(['cpu', 'host']);
    expect(ids(['disk:/', 'disk:/var'])).toEqual(['disk', 'host']);
    expect(ids(['load_1m'])).toEqual(['host']);
  });
});

describe('marks', () => {
  it('are where the alerts are, and end now while they last', () => {
    const list = [
      alertOf({ since_ms: 500, cleared_ms: 1_250 }),
      alertOf({ id: 'b', since_ms: 1_500 }),
    ];
    expect(marksOf(list, SPAN, 1_750, 1_000)).toMatchObject([
      { from: 0, to: 0.25 },
      { from: 0.5, to: 0.75 },
    ]);
  });

  it('can be hit however short, and stay inside', () => {
    const [mark] = marksOf([alertOf({ since_ms: 1_999 })], SPAN, 2_000, 100);
    expect(mark).toMatchObject({ from: 0.88, to: 1 });
  });

  it('are shared by alerts that are too close', () => {
    const list = [
      alertOf({ id: 'b', since_ms: 1_110, cleared_ms: 1_120, level: 'HIGH' }),
      alertOf({ id: 'a', since_ms: 1_100, cleared_ms: 1_105, level: 'MEDIUM' }),
      alertOf({ id: 'c', since_ms: 1_800, cleared_ms: 1_810, level: 'LOW' }),
    ];
    const marks = marksOf(list, SPAN, 2_000, 200);
    expect(marks.map((mark) => mark.alerts.map(({ id }) => id).join(''))).toEqual(['ab', 'c']);
    expect(marks.map(({ level }) => level)).toEqual(['HIGH', 'LOW']);
  });

  it('are none where there is no room yet', () => {
    expect(marksOf([alertOf()], SPAN, 2_000, 0)).toEqual([]);
  });
});
