/**
 * The messages the server sends, as docs/api.md describes them, and the guard at the door.
 *
 * Names are those of the wire. Nothing past this file sees input that was not checked: `parseMessage`
 * builds every value anew from the fields it knows, so unknown fields end here too.
 */

/** The version of the protocol this page speaks. */
export const PROTOCOL = 1;

export type Level = 'LOW' | 'MEDIUM' | 'HIGH';

/** Levels, the most urgent first: the order in which the page lists them. */
export const LEVELS: readonly Level[] = ['HIGH', 'MEDIUM', 'LOW'];

/** Unix time in milliseconds by the host's clock, and CPU in use then, 0–100. */
export type Point = readonly [timestampMs: number, cpuPercentage: number];

export interface Memory {
  readonly total_bytes: number;
  readonly used_bytes: number;
}

export interface Resource {
  /** `cpu`, `memory`, `swap` or `disk:<mount point>`. */
  readonly name: string;
  readonly percentage: number;
  readonly level: Level;
}

/** The latest analysis of one host, without its points. */
export interface Analysis {
  readonly host: string;
  /** The highest level of all the host's resources. */
  readonly level: Level;
  readonly cpu_result: Level;
  readonly cpu_percentage: number;
  readonly memory?: Memory;
  /** Over 1, 5 and 15 minutes. */
  readonly load_average?: readonly [number, number, number];
  readonly resources: readonly Resource[];
  readonly uptime_seconds?: number;
  /** When the host sampled, by the host's clock. */
  readonly timestamp_ms: number;
  /** When the server received it, by the server's clock. */
  readonly received_ms: number;
  /** Time between samples as the tracker promises it. */
  readonly interval_ms?: number;
  /** Samples that came after a newer one, since the server first saw the host; none when absent. */
  readonly late_samples?: number;
  /** When the last of them came, by the server's clock. */
  readonly late_ms?: number;
}

export interface Host extends Analysis {
  /** Oldest first. */
  readonly points: readonly Point[];
}

export type LinkState = 'connecting' | 'up' | 'blocked' | 'down' | 'refused' | 'closed';

/** State of the server's own link to the broker. */
export interface Link {
  readonly state: LinkState;
  readonly since_ms: number;
  readonly reason?: string;
}

export type HistoryState = 'off' | 'on' | 'lagging';

/** Whether the server keeps what it shows. */
export interface History {
  readonly state: HistoryState;
  readonly reason?: string;
}

interface Stamped {
  readonly server_time_ms: number;
}

/** Hosts of one message; those that did not pass the guard are named instead of shown. */
interface Hosts {
  readonly hosts: readonly Host[];
  /** One sentence for each host that was left out. */
  readonly rejected: readonly string[];
}

export interface Snapshot extends Stamped, Hosts {
  readonly type: 'snapshot';
  readonly server_version: string;
  readonly link: Link;
  /** Absent from a server that knows no history. */
  readonly history?: History;
}

export interface Changes extends Stamped, Hosts {
  readonly type: 'changes';
}

export interface LinkChange extends Stamped {
  readonly type: 'link';
  readonly link: Link;
}

export interface HistoryChange extends Stamped {
  readonly type: 'history';
  readonly history: History;
}

export interface Heartbeat extends Stamped {
  readonly type: 'heartbeat';
}

export type Message = Snapshot | Changes | LinkChange | HistoryChange | Heartbeat;

/** Input that does not follow the protocol; the text says where and how. */
export class ContractError extends Error {
  override readonly name: string = 'ContractError';
}

/** The server speaks another version of the protocol: waiting will not help, a reload may. */
export class ProtocolError extends ContractError {
  override readonly name = 'ProtocolError';
}

/**
 * Reads one text frame.
 *
 * Returns `null` for a type this page does not know, which a newer server may well send. Throws
 * `ContractError` for anything else that does not fit; one unreadable host among many is left out
 * and named in `rejected`, so that it does not blind the page to the others.
 */
export function parseMessage(text: string): Message | null {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    throw new ContractError('the message is not JSON');
  }
  const message = record(input, 'message');
  const type = string(message.type, 'type');
  switch (type) {
    case 'snapshot': {
      const protocol = number(message.protocol, 'protocol');
      if (protocol !== PROTOCOL) {
        throw new ProtocolError(
          `the server speaks protocol ${protocol}, this page speaks ${PROTOCOL}`,
        );
      }
      return {
        type,
        server_version: string(message.server_version, 'server_version'),
        server_time_ms: number(message.server_time_ms, 'server_time_ms'),
        link: parseLink(message.link),
        ...present('history', optional(message.history, parseHistory)),
        ...parseHosts(message.hosts),
      };
    }
    case 'changes':
      return {
        type,
        server_time_ms: number(message.server_time_ms, 'server_time_ms'),
        ...parseHosts(message.hosts),
      };
    case 'link':
      return {
        type,
        server_time_ms: number(message.server_time_ms, 'server_time_ms'),
        link: parseLink(message.link),
      };
    case 'history':
      return {
        type,
        server_time_ms: number(message.server_time_ms, 'server_time_ms'),
        history: parseHistory(message.history),
      };
    case 'heartbeat':
      return { type, server_time_ms: number(message.server_time_ms, 'server_time_ms') };
    default:
      return null;
  }
}

function parseHosts(input: unknown): Hosts {
  const hosts: Host[] = [];
  const rejected: string[] = [];
  for (const one of list(input, 'hosts')) {
    try {
      hosts.push(parseHost(one));
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      rejected.push(error.message);
    }
  }
  return { hosts, rejected };
}

function parseHost(input: unknown): Host {
  const host = record(input, 'host');
  const name = string(host.host, 'host');
  if (name === '') throw new ContractError('host must not be empty');
  const at = (field: string) => `${field} of ${name}`;
  return {
    host: name,
    level: level(host.level, at('level')),
    cpu_result: level(host.cpu_result, at('cpu_result')),
    cpu_percentage: percentage(host.cpu_percentage, at('cpu_percentage')),
    resources: optional(host.resources, (value) => parseResources(value, at)) ?? [],
    timestamp_ms: number(host.timestamp_ms, at('timestamp_ms')),
    received_ms: number(host.received_ms, at('received_ms')),
    points: optional(host.points, (value) => parsePoints(value, at)) ?? [],
    ...present(
      'memory',
      optional(host.memory, (value) => parseMemory(value, at)),
    ),
    ...present(
      'load_average',
      optional(host.load_average, (value) => parseLoad(value, at)),
    ),
    ...present(
      'uptime_seconds',
      optional(host.uptime_seconds, (value) => number(value, at('uptime_seconds'))),
    ),
    ...present(
      'interval_ms',
      optional(host.interval_ms, (value) => positive(value, at('interval_ms'))),
    ),
    ...present(
      'late_samples',
      optional(host.late_samples, (value) => number(value, at('late_samples'))),
    ),
    ...present(
      'late_ms',
      optional(host.late_ms, (value) => number(value, at('late_ms'))),
    ),
  };
}

function parseMemory(input: unknown, at: (field: string) => string): Memory {
  const memory = record(input, at('memory'));
  return {
    total_bytes: positive(memory.total_bytes, at('memory.total_bytes')),
    used_bytes: number(memory.used_bytes, at('memory.used_bytes')),
  };
}

function parseLoad(input: unknown, at: (field: string) => string): [number, number, number] {
  const [one, five, fifteen] = list(input, at('load_average'));
  const where = at('load_average');
  return [number(one, where), number(five, where), number(fifteen, where)];
}

function parseResources(input: unknown, at: (field: string) => string): Resource[] {
  return list(input, at('resources')).map((one) => {
    const resource = record(one, at('resources'));
    return {
      name: string(resource.name, at('resources.name')),
      percentage: percentage(resource.percentage, at('resources.percentage')),
      level: level(resource.level, at('resources.level')),
    };
  });
}

function parsePoints(input: unknown, at: (field: string) => string): Point[] {
  const where = at('points');
  return list(input, where).map((one) => {
    const point = list(one, where);
    return [number(point[0], where), percentage(point[1], where)];
  });
}

const LINK_STATES: readonly string[] = [
  'connecting',
  'up',
  'blocked',
  'down',
  'refused',
  'closed',
] satisfies LinkState[];

function parseLink(input: unknown): Link {
  const link = record(input, 'link');
  const state = string(link.state, 'link.state');
  if (!LINK_STATES.includes(state)) {
    throw new ContractError(`link.state must not be ${JSON.stringify(state)}`);
  }
  return {
    state: state as LinkState,
    since_ms: number(link.since_ms, 'link.since_ms'),
    ...present(
      'reason',
      optional(link.reason, (value) => string(value, 'link.reason')),
    ),
  };
}

const HISTORY_STATES: readonly string[] = ['off', 'on', 'lagging'] satisfies HistoryState[];

function parseHistory(input: unknown): History {
  const history = record(input, 'history');
  const state = string(history.state, 'history.state');
  if (!HISTORY_STATES.includes(state)) {
    throw new ContractError(`history.state must not be ${JSON.stringify(state)}`);
  }
  return {
    state: state as HistoryState,
    ...present(
      'reason',
      optional(history.reason, (value) => string(value, 'history.reason')),
    ),
  };
}

function record(input: unknown, where: string): Record<string, unknown> {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new ContractError(`${where} must be an object`);
  }
  return input as Record<string, unknown>;
}

function list(input: unknown, where: string): readonly unknown[] {
  if (!Array.isArray(input)) throw new ContractError(`${where} must be a list`);
  return input;
}

function string(input: unknown, where: string): string {
  if (typeof input !== 'string') throw new ContractError(`${where} must be a string`);
  return input;
}

function number(input: unknown, where: string): number {
  if (typeof input !== 'number' || !Number.isFinite(input)) {
    throw new ContractError(`${where} must be a number`);
  }
  return input;
}

function positive(input: unknown, where: string): number {
  const value = number(input, where);
  if (value <= 0) throw new ContractError(`${where} must be above zero`);
  return value;
}

/** A figure just outside its range, say 100.0000001, is rounding, not a reason to hide a host. */
function percentage(input: unknown, where: string): number {
  return Math.min(100, Math.max(0, number(input, where)));
}

function level(input: unknown, where: string): Level {
  if (input === 'LOW' || input === 'MEDIUM' || input === 'HIGH') return input;
  throw new ContractError(`${where} must be LOW, MEDIUM or HIGH`);
}

/** An absent field may also be sent as `null`. */
function optional<T>(input: unknown, parse: (value: unknown) => T): T | undefined {
  return input === undefined || input === null ? undefined : parse(input);
}

function present<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, T>);
}
