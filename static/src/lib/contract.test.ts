import { describe, expect, it } from 'vitest';
import { ContractError, parseMessage, ProtocolError, readFrame, type Snapshot } from './contract';

const info = {
  host: 'web-1',
  interval_ms: 1_000,
  labels: { role: 'web' },
  memory_total_bytes: 100,
  booted_ms: 5,
  causes: ['disk:/'],
  late_samples: 7,
  late_ms: 990,
  dropped_samples: 2,
};

const conditions = {
  link: { state: 'down', since_ms: 5, reason: 'connection refused' },
  history: { state: 'lagging', reason: 'the disk is full' },
  pipeline: { state: 'no_analyzer', since_ms: 6, waiting_measures: 9 },
};

const snapshot = {
  type: 'snapshot',
  protocol: 2,
  session: 's',
  number: 3,
  push_interval_ms: 80,
  server_time_ms: 1_002,
  ...conditions,
  hosts: [[0, info]],
  rows: [[0, 1, 1_000]],
};

const analysis = {
  host: 'web',
  cpu_result: 'LOW',
  level: 'LOW',
  stopping: false,
  resources: [{ name: 'cpu', percentage: 12.5, level: 'LOW' }],
  timestamp_ms: 1,
  cpu_percentage: 12.5,
};

const detail = {
  type: 'detail',
  server_time_ms: 1,
  host: 'web',
  received_ms: 2,
  analysis,
  clock_offset_ms: -3,
  late_samples: 0,
  dropped_samples: 0,
};

const read = (text: string) => parseMessage(readFrame(text));
const parse = (message: unknown) => read(JSON.stringify(message));
const changes = (more: object) => ({ type: 'changes', number: 1, server_time_ms: 1, ...more });

describe('parseMessage', () => {
  it('reads a snapshot and leaves out what it does not know', () => {
    const message = parse({ ...snapshot, colour: 'red' }) as Snapshot;
    expect(message).not.toHaveProperty('colour');
    expect(message).toMatchObject({ session: 's', number: 3, ...conditions });
    expect(message.hosts).toEqual([[0, info]]);
    expect(message.rejected).toEqual([]);
  });

  it('reads the conditions of a connection that goes on', () => {
    const { protocol, session, number, server_time_ms } = snapshot;
    const message = { type: 'resumed', session, number, server_time_ms, ...conditions };
    expect(parse({ ...message, protocol })).toEqual(message);
  });

  it('reads changes of which parts are absent', () => {
    expect(parse(changes({ gone: [4] }))).toMatchObject({
      gone: [4],
      hosts: [],
      rows: [],
      points: [],
    });
  });

  it.each(['link', 'history', 'pipeline'] as const)('reads a change of the %s', (type) => {
    const message = { type, number: 4, server_time_ms: 1, [type]: conditions[type] };
    expect(parse(message)).toEqual(message);
  });

  it('reads details of a host, and of one that is not known', () => {
    const { type, server_time_ms, host, ...told } = detail;
    expect(parse(detail)).toEqual({ type, server_time_ms, host, detail: told });
    expect(parse({ type, server_time_ms, host, analysis: null })).toEqual({
      type,
      server_time_ms,
      host,
      detail: null,
    });
  });

  it('tells details that cannot be read from those of an unknown host', () => {
    for (const wrong of [{ level: 'low' }, { disks: [{}] }, { cpu_percentage: undefined }]) {
      const message = parse({ ...detail, analysis: { ...analysis, ...wrong } });
      expect(message).toHaveProperty('detail', 'unreadable');
    }
  });

  it('reads details before a sample came live, which do not tell the clock yet', () => {
    const { clock_offset_ms, ...early } = detail;
    expect(clock_offset_ms).toBeDefined();
    expect(parse(early)).toHaveProperty('detail.clock_offset_ms', 0);
  });

  it('ignores a type a newer server may send', () => {
    expect(parse({ type: 'alert', anything: true })).toBeNull();
  });

  it('refuses another protocol', () => {
    expect(() => parse({ ...snapshot, protocol: 1 })).toThrow(ProtocolError);
    expect(() => parse({ ...snapshot, type: 'resumed', protocol: 3 })).toThrow(ProtocolError);
  });

  it.each([
    ['not JSON', '{', 'not JSON'],
    ['a list', '[]', 'message must be an object'],
    ['no type', '{}', 'type must be a string'],
    ['no time', '{"type":"heartbeat"}', 'server_time_ms must be a number'],
    ['an infinite time', '{"type":"heartbeat","server_time_ms":1e999}', 'must be a number'],
    ['no number', '{"type":"changes","server_time_ms":1}', 'number must be a number'],
  ])('refuses %s', (_, text, sentence) => {
    expect(() => read(text)).toThrow(ContractError);
    expect(() => read(text)).toThrow(sentence);
  });

  it.each([
    [{ ...snapshot, link: { state: 'odd', since_ms: 1 } }, 'link.state must not be "odd"'],
    [{ ...snapshot, pipeline: { state: 'odd', since_ms: 1 } }, 'pipeline.state must not be "odd"'],
    [changes({ gone: [-1] }), 'gone must hold indices'],
    [changes({ gone: [2 ** 30] }), 'gone must hold indices'],
    [changes({ rows: {} }), 'rows must be a list'],
  ])('refuses %j', (message, sentence) => {
    expect(() => parse(message)).toThrow(sentence);
  });

  it.each([
    [[0, { host: '' }], 'host must not be empty'],
    [[0, { host: 'a', interval_ms: 0 }], 'interval_ms of a must be above zero'],
    [[0, { host: 'a', labels: { b: 1 } }], 'labels of a must be a string'],
    [['0', { host: 'a' }], 'hosts must hold indices of hosts'],
    ['a', 'a host must be a list'],
  ])('leaves out the host %j, but not its neighbours', (wrong, sentence) => {
    const message = parse(changes({ hosts: [wrong, [1, info]] })) as Snapshot;
    expect(message.hosts.map(([index]) => index)).toEqual([1]);
    expect(message.rejected).toEqual([sentence]);
  });

  it('is not led astray by a label named like a built-in', () => {
    const text = JSON.stringify(changes({ hosts: [[0, info]] })).replace('"role"', '"__proto__"');
    const [told] = (read(text) as Snapshot).hosts;
    expect(Object.entries(told?.[1].labels ?? {})).toEqual([['__proto__', 'web']]);
  });
});
