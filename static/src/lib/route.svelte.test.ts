import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Route } from './route.svelte';

/** As much of a browser's address as a route needs. */
class FakeAddress {
  readonly entries = [''];

  get hash(): string {
    return this.entries.at(-1) ?? '';
  }

  pushState(_data: null, _unused: string, hash: string): void {
    this.entries.push(hash);
  }

  replaceState(_data: null, _unused: string, hash: string): void {
    this.entries[this.entries.length - 1] = hash;
  }
}

describe('a route', () => {
  let address: FakeAddress;

  beforeEach(() => {
    vi.useFakeTimers();
    address = new FakeAddress();
    vi.stubGlobal('location', address);
    vi.stubGlobal('history', address);
  });

  afterEach(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it('knows the way back to the view of the fleet that was left, filter and all', () => {
    const route = new Route();
    route.go('map', { q: 'level:high', group: 'level' });
    route.change({ selected: 'web-1' }, 'replace');
    route.go({ host: 'web-1' }, { range: '1h' });
    route.change({ range: '6h' });
    expect(route.fleetLink).toBe('#/map?q=level:high&group=level&selected=web-1');
    expect(route.fleetQuery).toEqual({ q: 'level:high', group: 'level', selected: 'web-1' });
  });

  it('leads back to the table when it began with a host', () => {
    const route = new Route();
    route.go({ host: 'web-1' });
    expect(route.fleetLink).toBe('#/');
  });

  it('makes one step for the back button of changes that replace each other', () => {
    const route = new Route();
    route.go('table');
    route.change({ q: 'w' }, 'replace');
    route.change({ q: 'we' }, 'replace');
    expect(address.hash).toBe('#/');
    vi.runAllTimers();
    expect(address.entries).toEqual(['', '#/?q=we']);
  });
});
