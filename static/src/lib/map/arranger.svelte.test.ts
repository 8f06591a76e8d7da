import { describe, expect, it } from 'vitest';
import { FIGURE, FIGURES } from '../figures';
import { parseFilter } from '../filter';
import { HostStore } from '../store';
import { Arranger, type Wish } from './arranger.svelte';

/** A fleet of which hosts and levels can be set by hand. */
class HandMadeFleet {
  readonly store = new HostStore();
  known = true;
  membership = 0;
  version = 0;

  set(host: string, level: number): void {
    const index = this.store.indexOf(host) ?? this.store.size;
    if (!this.store.has(index)) {
      this.store.tell(index, { host });
      this.membership += 1;
    }
    const figures = new Float64Array(FIGURES).fill(NaN);
    figures[FIGURE.level] = level;
    this.store.write(index, figures, 0);
    this.version += 1;
  }
}

function setUp() {
  const fleet = new HandMadeFleet();
  fleet.set('web-10', 0);
  fleet.set('web-2', 2);
  fleet.set('db-1', 0);
  const arranger = new Arranger(fleet);
  const names = () =>
    [...arranger.current.order].map((index) => fleet.store.info(index)?.host).join(' ');
  return { fleet, arranger, names };
}

const wish = (grouping: Wish['grouping'], filter = ''): Wish => ({
  grouping,
  filter: parseFilter(filter),
});

describe('Arranger', () => {
  it('waits until the fleet is known', () => {
    const { fleet, arranger, names } = setUp();
    const byName = wish('none');
    fleet.known = false;
    arranger.follow(byName, 0, 0, false);
    expect(names()).toBe('');
    fleet.known = true;
    arranger.follow(byName, 1, 0, false);
    expect(names()).toBe('db-1 web-2 web-10');
  });

  it('follows a wish at once, even while someone points', () => {
    const { arranger, names } = setUp();
    arranger.follow(wish('none'), 0, 0, true);
    arranger.follow(wish('level'), 1, 0, true);
    expect(names()).toBe('web-2 db-1 web-10');
    arranger.follow(wish('none', 'web'), 2, 0, true);
    expect(names()).toBe('web-2 web-10');
  });

  it('shows a new host within a second, but not while someone points', () => {
    const { fleet, arranger, names } = setUp();
    const byName = wish('none');
    arranger.follow(byName, 0, 0, false);
    fleet.set('api-1', 0);
    arranger.follow(byName, 999, 0, false);
    arranger.follow(byName, 5_000, 0, true);
    expect(names()).toBe('db-1 web-2 web-10');
    arranger.follow(byName, 5_250, 0, false);
    expect(names()).toBe('api-1 db-1 web-2 web-10');
  });

  it('moves hosts between levels every two seconds', () => {
    const { fleet, arranger, names } = setUp();
    const byLevel = wish('level');
    arranger.follow(byLevel, 0, 0, false);
    fleet.set('web-10', 2);
    arranger.follow(byLevel, 1_999, 0, false);
    expect(names()).toBe('web-2 db-1 web-10');
    arranger.follow(byLevel, 2_000, 0, false);
    expect(names()).toBe('web-2 web-10 db-1');
  });

  it('shows hosts that come to match a filter, and lets go of those that cease to', () => {
    const { fleet, arranger, names } = setUp();
    const high = wish('none', 'level:high');
    arranger.follow(high, 0, 0, false);
    expect(names()).toBe('web-2');
    fleet.set('db-1', 2);
    fleet.set('web-2', 1);
    arranger.follow(high, 2_000, 0, false);
    expect(names()).toBe('db-1');
  });

  it('keeps what it has when nothing stands elsewhere', () => {
    const { fleet, arranger } = setUp();
    const byLevel = wish('level');
    arranger.follow(byLevel, 0, 0, false);
    const before = arranger.current;
    fleet.set('web-2', 2);
    arranger.follow(byLevel, 2_000, 0, false);
    expect(arranger.current).toBe(before);
  });
});
