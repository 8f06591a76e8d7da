import { describe, expect, it } from 'vitest';
import { NameOrder } from './order';

function ordered(names: readonly string[], order = new NameOrder()): string {
  const indices = order.of(names.keys(), (index) => {
    const host = names[index];
    return host === undefined ? undefined : { host };
  });
  return [...indices].map((index) => names[index]).join(' ');
}

describe('NameOrder', () => {
  it('orders numbers as numbers, in any case', () => {
    expect(ordered(['web-10', 'web-2', 'Web-1', 'db'])).toBe('db Web-1 web-2 web-10');
  });

  it('follows hosts that come, go and are replaced', () => {
    const order = new NameOrder();
    expect(ordered(['b', 'a'], order)).toBe('a b');
    expect(ordered(['b', 'a', 'A1'], order)).toBe('a A1 b');
    expect(ordered(['b', 'c', 'A1'], order)).toBe('A1 b c');
    expect(ordered([], order)).toBe('');
  });
});
