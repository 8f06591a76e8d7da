import { describe, expect, it } from 'vitest';
import { compareNames, select, type Listed, type View } from './filter';

const everything: View = {
  search: '',
  levels: new Set(),
  sortKey: 'name',
  direction: 'ascending',
};

function fleet(...hosts: Partial<Listed>[]): Listed[] {
  return hosts.map((host, i) => ({
    name: `host-${i}`,
    nameRank: i,
    level: 'LOW',
    cpuPercentage: 0,
    memoryPercentage: 0,
    load: 0,
    receivedMs: 0,
    ...host,
  }));
}

const names = (hosts: Listed[]) => hosts.map((host) => host.name).join(' ');

describe('compareNames', () => {
  it('orders numbers as numbers', () => {
    expect(['web-10', 'web-2', 'Web-1', 'db'].sort(compareNames)).toEqual([
      'db',
      'Web-1',
      'web-2',
      'web-10',
    ]);
  });

  it('orders any two different names one way', () => {
    const alike = ['a-01', 'a-1', 'A-1', 'a', 'a-1.b', '1', '01', '-', ''];
    for (const a of alike) {
      for (const b of alike) {
        expect(Math.sign(compareNames(a, b)) + Math.sign(compareNames(b, a))).toBe(0);
        expect(compareNames(a, b) === 0).toBe(a === b);
      }
    }
  });
});

describe('the filter', () => {
  const hosts = fleet(
    { name: 'web-1.fra', level: 'HIGH' },
    { name: 'web-2.ams' },
    { name: 'db.fra' },
  );

  it('lists all by default', () => {
    expect(select(hosts, everything)).toHaveLength(3);
  });

  it('finds every word anywhere in a name, in any case', () => {
    expect(names(select(hosts, { ...everything, search: ' FRA  web ' }))).toBe('web-1.fra');
  });

  it('lists only the levels chosen', () => {
    const levels = new Set(['HIGH', 'MEDIUM'] as const);
    expect(names(select(hosts, { ...everything, levels }))).toBe('web-1.fra');
  });

  it('does not touch the list it was given', () => {
    select(hosts, { ...everything, direction: 'descending' });
    expect(names(hosts)).toBe('web-1.fra web-2.ams db.fra');
  });
});

describe('the order', () => {
  it('puts the most urgent level first and keeps equals in the order of names', () => {
    const hosts = fleet(
      { level: 'LOW' },
      { level: 'HIGH' },
      { level: 'MEDIUM' },
      { level: 'HIGH' },
    );
    const view: View = { ...everything, sortKey: 'level', direction: 'descending' };
    expect(names(select(hosts, view))).toBe('host-1 host-3 host-2 host-0');
  });

  it('puts hosts without the figure last, whichever way it goes', () => {
    const hosts = fleet({ load: undefined }, { load: 2 }, { load: 1 });
    const up: View = { ...everything, sortKey: 'load', direction: 'ascending' };
    expect(names(select(hosts, up))).toBe('host-2 host-1 host-0');
    expect(names(select(hosts, { ...up, direction: 'descending' }))).toBe('host-1 host-2 host-0');
  });

  it('takes the longest silent for the oldest', () => {
    const hosts = fleet({ receivedMs: 3 }, { receivedMs: 1 }, { receivedMs: 2 });
    const view: View = { ...everything, sortKey: 'age', direction: 'descending' };
    expect(names(select(hosts, view))).toBe('host-1 host-2 host-0');
  });
});
