import { describe, expect, it } from 'vitest';
import { ContractError, parseMessage, ProtocolError, type Snapshot } from './contract';

const host = {
  host: 'web-1',
  level: 'HIGH',
  cpu_result: 'MEDIUM',
  cpu_percentage: 42.5,
  memory: { total_bytes: 100, used_bytes: 40 },
  load_average: [1, 2, 3],
  resources: [{ name: 'disk:/', percentage: 96, level: 'HIGH' }],
  uptime_seconds: 9,
  timestamp_ms: 1_000,
  received_ms: 1_001,
  interval_ms: 1_000,
  late_samples: 7,
  late_ms: 990,
  run: 'a',
  sequence: 3,
  points: [[1_000, 42.5]],
};

const smallest = {
  host: 'a',
  level: 'LOW',
  cpu_result: 'LOW',
  cpu_percentage: 1,
  timestamp_ms: 1,
  received_ms: 2,
};

const snapshot = {
  type: 'snapshot',
  protocol: 1,
  server_version: '1.2.3',
  server_time_ms: 1_002,
  link: { state: 'down', since_ms: 5, reason: 'connection refused' },
  history: { state: 'lagging', reason: 'the disk is full' },
  hosts: [host],
};

const parse = (message: unknown) => parseMessage(JSON.stringify(message));
const changes = (...hosts: unknown[]) => ({ type: 'changes', server_time_ms: 1, hosts });

describe('parseMessage', () => {
  it('reads a snapshot and leaves out what it does not know', () => {
    const message = parse({ ...snapshot, colour: 'red' }) as Snapshot;
    expect(message).not.toHaveProperty('colour');
    expect(message.link).toEqual(snapshot.link);
    expect(message.history).toEqual(snapshot.history);
    const { run, sequence, ...known } = host;
    expect([run, sequence]).toBeDefined();
    expect(message.hosts).toEqual([known]);
    expect(message.rejected).toEqual([]);
  });

  it('reads the smallest host there can be, absent fields sent as null or not at all', () => {
    const bare = { ...smallest, resources: [], points: [] };
    const nulls = { ...smallest, memory: null, load_average: null, interval_ms: null };
    expect(parse(changes(smallest, nulls))).toMatchObject({ hosts: [bare, bare], rejected: [] });
    expect((parse(changes(nulls)) as Snapshot).hosts[0]).not.toHaveProperty('memory');
  });

  it('reads link and heartbeat', () => {
    const link = { state: 'up', since_ms: 5 };
    expect(parse({ type: 'link', server_time_ms: 1, link })).toEqual({
      type: 'link',
      server_time_ms: 1,
      link,
    });
    expect(parse({ type: 'heartbeat', server_time_ms: 1 })).toEqual({
      type: 'heartbeat',
      server_time_ms: 1,
    });
  });

  it('reads how history does, and a server that knows none', () => {
    const history = { state: 'on' };
    const message = { type: 'history', server_time_ms: 1, history };
    expect(parse(message)).toEqual(message);
    const { history: lagging, ...older } = snapshot;
    expect(lagging).toBeDefined();
    expect(parse(older)).not.toHaveProperty('history');
  });

  it('ignores a type a newer server may send', () => {
    expect(parse({ type: 'alert', anything: true })).toBeNull();
  });

  it('refuses another protocol', () => {
    expect(() => parse({ ...snapshot, protocol: 2 })).toThrow(ProtocolError);
  });

  it.each([
    ['not JSON', '{', 'not JSON'],
    ['a list', '[]', 'message must be an object'],
    ['no type', '{}', 'type must be a string'],
    ['no time', '{"type":"heartbeat"}', 'server_time_ms must be a number'],
    ['an infinite time', '{"type":"heartbeat","server_time_ms":1e999}', 'must be a number'],
    ['no hosts', '{"type":"changes","server_time_ms":1}', 'hosts must be a list'],
    [
      'an unknown link',
      '{"type":"link","server_time_ms":1,"link":{"state":"odd","since_ms":1}}',
      'link.state must not be "odd"',
    ],
    [
      'an unknown history',
      '{"type":"history","server_time_ms":1,"history":{"state":"odd"}}',
      'history.state must not be "odd"',
    ],
  ])('refuses %s', (_, text, sentence) => {
    expect(() => parseMessage(text)).toThrow(ContractError);
    expect(() => parseMessage(text)).toThrow(sentence);
  });

  it.each([
    [{ host: '' }, 'host must not be empty'],
    [{ level: 'low' }, 'level of a must be LOW, MEDIUM or HIGH'],
    [{ cpu_percentage: '1' }, 'cpu_percentage of a must be a number'],
    [{ memory: { total_bytes: 0, used_bytes: 0 } }, 'memory.total_bytes of a must be above zero'],
    [{ load_average: [1] }, 'load_average of a must be a number'],
    [{ points: [[1]] }, 'points of a must be a number'],
    [{ points: {} }, 'points of a must be a list'],
    [{ interval_ms: 0 }, 'interval_ms of a must be above zero'],
  ])('leaves out a host with %j, but not its neighbours', (wrong, sentence) => {
    const message = parse(changes({ ...smallest, ...wrong }, host)) as Snapshot;
    expect(message.hosts.map((one) => one.host)).toEqual(['web-1']);
    expect(message.rejected).toEqual([sentence]);
  });

  it('takes a percentage just out of range for rounding', () => {
    const message = parse(changes({ ...smallest, cpu_percentage: 100.000_01 })) as Snapshot;
    expect(message.hosts[0]?.cpu_percentage).toBe(100);
  });

  it('is not led astray by a host named like a built-in', () => {
    const text = JSON.stringify(changes(smallest)).replace('"a"', '"__proto__"');
    expect((parseMessage(text) as Snapshot).hosts[0]?.host).toBe('__proto__');
  });
});
