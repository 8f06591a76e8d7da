import { expect, it } from 'vitest';
import { iconText } from './favicon';

it('has room for how many hosts are HIGH, and for a doubt', () => {
  expect(iconText(0, true)).toBe('');
  expect(iconText(40, true)).toBe('40');
  expect(iconText(100, true)).toBe('99+');
  expect(iconText(40, false)).toBe('?');
});
