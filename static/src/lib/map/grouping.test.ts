import { describe, expect, it } from 'vitest';
import {
  arrange,
  isSameArrangement,
  labelNames,
  namePart,
  parseGrouping,
  type Arrangement,
  type Described,
  type Grouping,
} from './grouping';

interface Known extends Described {
  readonly level?: number;
}

function arranged(hosts: readonly Known[], grouping: Grouping): Arrangement {
  return arrange(
    hosts.map((_, index) => index),
    grouping,
    (index) => hosts[index],
    (index) => hosts[index]?.level ?? 0,
  );
}

const named = (...names: string[]): Known[] => names.map((host) => ({ host }));

/** `web-:0,2 db-:1`: each group's key and the indices in it. */
function told({ order, groups }: Arrangement): string {
  return groups
    .map(({ kind, key, first, end }) => `${key || kind}:${order.slice(first, end).join(',')}`)
    .join(' ');
}

describe('namePart', () => {
  it.each([
    ['web-12', 'web-'],
    ['web-12.fra.example.com', 'web-'],
    ['web01', 'web'],
    ['web-eu-3', 'web-eu-'],
    ['db-primary', 'db-'],
    ['api-7d9f8b6c5-x2x4z', 'api-7d9f8b6c5-'],
    ['db_replica', 'db_'],
    ['alpha', 'alpha'],
    ['alpha.example.com', 'alpha'],
    ['-a', '-a'],
    ['10.0.0.7', '10.0.0.'],
    ['7', ''],
  ])('is of %s: %s', (host, part) => {
    expect(namePart(host)).toBe(part);
  });
});

describe('parseGrouping', () => {
  it('takes what the map can do', () => {
    for (const text of ['none', 'level', 'name', 'label:role', 'label:a:b']) {
      expect(parseGrouping(text)).toBe(text);
    }
  });

  it('takes anything else as no grouping', () => {
    for (const text of [undefined, null, '', 'label:', 'label', 'colour']) {
      expect(parseGrouping(text)).toBe('none');
    }
  });
});

describe('labelNames', () => {
  it('lists each label once', () => {
    expect(
      labelNames([
        { host: 'a', labels: { role: 'web', zone: 'x' } },
        { host: 'b' },
        { host: 'c', labels: { role: 'db' } },
      ]),
    ).toEqual(['role', 'zone']);
  });
});

describe('arrange', () => {
  it('keeps the order given when nothing is grouped', () => {
    expect(told(arranged(named('b', 'a'), 'none'))).toBe('all:0,1');
    expect(arranged([], 'none').groups).toEqual([]);
  });

  it('puts the most urgent level first and leaves out levels without hosts', () => {
    const hosts = [
      { host: 'a', level: 0 },
      { host: 'b', level: 2 },
      { host: 'c', level: 0 },
    ];
    expect(told(arranged(hosts, 'level'))).toBe('HIGH:1 LOW:0,2');
  });

  it('puts the largest group of names first, and equal ones by name', () => {
    const hosts = named('db-1', 'web-1', 'api-1', 'web-2', 'db-2', 'web-3', 'api-2');
    expect(told(arranged(hosts, 'name'))).toBe('web-:1,3,5 api-:2,6 db-:0,4');
  });

  it('gathers hosts that nothing is like, unless there is only one', () => {
    expect(told(arranged(named('web-1', 'alpha', 'web-2', 'beta'), 'name'))).toBe(
      'web-:0,2 others:1,3',
    );
    expect(told(arranged(named('web-1', 'alpha', 'web-2'), 'name'))).toBe('web-:0,2 alpha:1');
  });

  it('puts hosts without the label last, however many', () => {
    const hosts = [{ host: 'a' }, { host: 'b' }, { host: 'c', labels: { role: 'web' } }];
    expect(told(arranged(hosts, 'label:role'))).toBe('web:2 unlabelled:0,1');
  });

  it('knows a label by the name of something every object has', () => {
    expect(
      told(
        arranged(
          [{ host: 'a', labels: Object.create(null) as Record<string, string> }],
          'label:constructor',
        ),
      ),
    ).toBe('unlabelled:0');
  });

  it('gives each host one place, whatever the number of groups', () => {
    const hosts = Array.from({ length: 500 }, (_, i) => ({
      host: `h${i}`,
      labels: { n: String(i % 250) },
    }));
    const { order, groups } = arranged(hosts, 'label:n');
    expect([...order].sort((a, b) => a - b)).toEqual(hosts.map((_, i) => i));
    expect(groups.length).toBeLessThanOrEqual(61);
    expect(groups.at(-1)?.kind).toBe('others');
    expect(groups.at(-1)?.end).toBe(500);
  });
});

describe('isSameArrangement', () => {
  const hosts = named('web-1', 'db-1', 'web-2', 'db-2');
  it('tells a different order, and different headings, from the same', () => {
    const one = arranged(hosts, 'name');
    expect(isSameArrangement(one, arranged(hosts, 'name'))).toBe(true);
    expect(isSameArrangement(one, arranged(hosts, 'none'))).toBe(false);
    expect(isSameArrangement(one, arranged([...hosts].reverse(), 'name'))).toBe(false);
  });
});
