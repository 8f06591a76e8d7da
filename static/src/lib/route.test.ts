import { describe, expect, it } from 'vitest';
import { formatHash, parseHash } from './route';

describe('an address', () => {
  it.each([
    ['', 'table', undefined],
    ['#/', 'table', undefined],
    ['#/map', 'map', undefined],
    ['#/map/', 'map', undefined],
    ['#/alerts', 'alerts', undefined],
    ['#/hosts/web-1.fra', 'host', 'web-1.fra'],
    ['#/hosts/a%2Fb', 'host', 'a/b'],
    ['#/hosts/', 'table', undefined],
    ['#/hosts/%', 'table', undefined],
    ['#/nonsense', 'table', undefined],
  ])('%j is the view %s of %s', (hash, view, host) => {
    expect(parseHash(hash)).toEqual({ view, host, query: {} });
  });

  it('keeps state, and comes back as it was', () => {
    const query = { q: 'level:high cpu>80 "a&b=c#d"', sort: 'cpu', columns: 'name,cpu' };
    const hash = formatHash('map', query);
    expect(hash).toContain('q=level:high%20cpu%3E80');
    expect(parseHash(hash)).toEqual({ view: 'map', host: undefined, query });
  });

  it('keeps which alerts are shown', () => {
    const query = {
      show: 'history',
      host: 'web-1',
      resource: 'disk:/',
      kind: 'level',
      before: '9',
    };
    const hash = formatHash('alerts', query);
    expect(hash).toBe(
      '#/alerts?show=history&host=web-1&resource=disk:%2F&kind=level&before=9'.replace('%2F', '/'),
    );
    expect(parseHash(hash)).toEqual({ view: 'alerts', host: undefined, query });
  });

  it('leaves out what is empty, and what nobody knows', () => {
    expect(formatHash('table', { q: '', group: 'label:role' })).toBe('#/?group=label:role');
    expect(parseHash('#/?q=&colour=red').query).toEqual({});
  });

  it('leads to any host', () => {
    for (const host of ['web-1', 'ä b', '../x', 'a?b#c']) {
      expect(parseHash(formatHash({ host }, { range: '1h' }))).toEqual({
        view: 'host',
        host,
        query: { range: '1h' },
      });
    }
  });
});
