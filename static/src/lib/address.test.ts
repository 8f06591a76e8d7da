import { describe, expect, it } from 'vitest';
import { socketAddress } from './address';

describe('the address of the socket', () => {
  it.each([
    ['http://127.0.0.1:8888/', 'ws://127.0.0.1:8888/ws'],
    ['https://example.com/monitoring/', 'wss://example.com/monitoring/ws'],
    ['https://example.com/monitoring/index.html?x=1#y', 'wss://example.com/monitoring/ws'],
  ])('beside %s', (base, address) => {
    expect(socketAddress(base)).toBe(address);
  });
});
