import { describe, expect, it } from 'vitest';
import { LiveRows } from './live-rows';

describe('rows that follow their hosts', () => {
  it('are told of their own host, and nothing once they are gone', () => {
    let tell: (indices: Uint32Array) => void = () => undefined;
    const rows = new LiveRows({
      onChange(listener) {
        tell = listener;
        return () => undefined;
      },
    });
    rows.start();
    const told: string[] = [];
    const stop = rows.follow(3, () => told.push('old'));
    tell(Uint32Array.of(1, 3));
    // A row may be made anew before the one in its place has gone.
    const stopNew = rows.follow(3, () => told.push('new'));
    stop();
    tell(Uint32Array.of(3));
    stopNew();
    tell(Uint32Array.of(3));
    expect(told).toEqual(['old', 'new']);
  });
});
