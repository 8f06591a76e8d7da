/**
 * The messages of the server, as docs/api.md describes them, and the guard at the door.
 *
 * Names are those of the wire; the types are generated from the server's. `parseMessage` builds every
 * value anew from the fields it knows, so unknown fields end here. Rows and points come by the
 * thousand: they pass as they are and are checked while the `Mirror` decodes them, in one go.
 */

import { parseEntries } from './alerts/entry';
import type { AlertsStatus, AlertsStep } from './alerts/ledger';
import { readDetail, type DetailOfHost } from './detail';
import { MAX_LOOK_DETAILS, MAX_LOOK_ROWS, PROTOCOL } from './generated/constants';
import type { History as ToldHistory } from './generated/History';
import type { Link as ToldLink } from './generated/Link';
import type { Look as ToldLook } from './generated/Look';
import type { Info } from './generated/Info';
import type { Level } from './generated/Level';
import type { Pipeline } from './generated/Pipeline';
import type { PipelineState } from './generated/PipelineState';
import {
  ContractError,
  list,
  listOrNone,
  number,
  oneOf,
  optional,
  positive,
  present,
  record,
  string,
} from './guard';
import { parseLabels } from './labels';

export type { Analysis, Detail, DetailOfHost } from './detail';
export type { Info, Level, Pipeline, PipelineState };
export { ContractError, MAX_LOOK_DETAILS, MAX_LOOK_ROWS, PROTOCOL };

export type LinkState = ToldLink['state'];
export type HistoryState = ToldHistory['state'];

/** State of the server's own link to the broker, with a reason where there is one. */
export interface Link extends Reasoned<LinkState> {
  readonly since_ms: number;
}

/** Whether the server keeps what it shows, and why not. */
export type History = Reasoned<HistoryState>;

/** The generated types know which states have a reason; whoever shows one need not. */
export interface Reasoned<State> {
  readonly state: State;
  readonly reason?: string;
}

/** What is on the screen of this page, as it is told to the server. */
export type Look = { readonly type: 'look' } & ToldLook;

/** Levels, the most urgent first: the order in which the page lists them. */
export const LEVELS: readonly Level[] = ['HIGH', 'MEDIUM', 'LOW'];

/** Levels by the number that stands for them in a row. */
export const LEVEL_BY_NUMBER: readonly Level[] = ['LOW', 'MEDIUM', 'HIGH'];

/** A host as one message tells it; absent when it did not pass the guard. */
export type Told = readonly [index: number, info: Info];

interface Stamped {
  readonly server_time_ms: number;
}

/** Only numbered messages count up; a gap between two means that one was lost. */
interface Numbered extends Stamped {
  readonly number: number;
}

interface Conditions {
  readonly link: Link;
  readonly history: History;
  readonly pipeline: Pipeline;
}

/** What a message says of hosts. `rejected` has one sentence for each that did not pass. */
interface Hosts {
  readonly hosts: readonly Told[];
  /** Not checked yet. */
  readonly rows: readonly unknown[];
  readonly rejected: readonly string[];
}

export interface Snapshot extends Numbered, Conditions, Hosts {
  readonly type: 'snapshot';
  readonly session: string;
  /** Nothing is told more often than this. */
  readonly push_interval_ms: number;
}

export interface Resumed extends Numbered, Conditions {
  readonly type: 'resumed';
  readonly session: string;
}

export interface Changes extends Numbered, Hosts {
  readonly type: 'changes';
  /** Not checked yet. */
  readonly points: readonly unknown[];
  readonly gone: readonly number[];
}

export type Condition = Numbered &
  (
    | { readonly type: 'link'; readonly link: Link }
    | { readonly type: 'history'; readonly history: History }
    | { readonly type: 'pipeline'; readonly pipeline: Pipeline }
  );

export interface Heartbeat extends Stamped {
  readonly type: 'heartbeat';
}

export interface Points extends Stamped {
  readonly type: 'points';
  /** Not checked yet. */
  readonly hosts: readonly unknown[];
}

export interface DetailTold extends Stamped {
  readonly type: 'detail';
  readonly host: string;
  readonly detail: DetailOfHost;
}

export interface AlertsTold extends Stamped, AlertsStep {
  readonly type: 'alerts';
  readonly rejected: readonly string[];
}

export type Message =
  Snapshot | Resumed | Changes | Condition | AlertsTold | Heartbeat | Points | DetailTold;

/** The server speaks another version of the protocol: waiting will not help, a reload may. */
export class ProtocolError extends ContractError {
  override readonly name = 'ProtocolError';
}

/** A message of which only the head was looked at: enough to count it, whatever else it holds. */
export interface Frame {
  readonly type: string;
  readonly number: number | undefined;
  readonly fields: Record<string, unknown>;
}

/** Opens one text frame; throws `ContractError` when it is no message at all. */
export function readFrame(text: string): Frame {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    throw new ContractError('the message is not JSON');
  }
  const fields = record(input, 'message');
  return {
    type: string(fields.type, 'type'),
    number: optional(fields.number, (value) => number(value, 'number')),
    fields,
  };
}

/**
 * Reads what a frame holds.
 *
 * Returns `null` for a type this page does not know, which a newer server may well send. Throws
 * `ContractError` for anything else that does not fit; one unreadable host among many is left out
 * and named in `rejected`, so that it does not blind the page to the others.
 */
export function parseMessage({ type, fields: message }: Frame): Message | null {
  const stamp = () => ({ server_time_ms: number(message.server_time_ms, 'server_time_ms') });
  const numbered = () => ({ ...stamp(), number: number(message.number, 'number') });
  switch (type) {
    case 'snapshot':
      refuseOtherProtocol(message.protocol);
      return {
        type,
        ...numbered(),
        session: string(message.session, 'session'),
        push_interval_ms: number(message.push_interval_ms, 'push_interval_ms'),
        ...parseConditions(message),
        ...parseHosts(message.hosts),
        rows: list(message.rows, 'rows'),
      };
    case 'resumed':
      refuseOtherProtocol(message.protocol);
      return {
        type,
        ...numbered(),
        session: string(message.session, 'session'),
        ...parseConditions(message),
      };
    case 'changes':
      return {
        type,
        ...numbered(),
        ...parseHosts(message.hosts),
        rows: listOrNone(message.rows, 'rows'),
        points: listOrNone(message.points, 'points'),
        gone: listOrNone(message.gone, 'gone').map((index) => hostIndex(index, 'gone')),
      };
    case 'link':
      return { type, ...numbered(), link: parseLink(message.link) };
    case 'history':
      return { type, ...numbered(), history: parseHistory(message.history) };
    case 'pipeline':
      return { type, ...numbered(), pipeline: parsePipeline(message.pipeline) };
    case 'alerts':
      return { type, ...stamp(), ...parseAlerts(message) };
    case 'heartbeat':
      return { type, ...stamp() };
    case 'points':
      return { type, ...stamp(), hosts: list(message.hosts, 'hosts') };
    case 'detail':
      return {
        type,
        ...stamp(),
        host: string(message.host, 'host'),
        detail: readDetail(message),
      };
    default:
      return null;
  }
}

/** Indices are small by contract; one that is not would make the columns huge. */
const INDEX_AT_MOST = 2 ** 20;

export function isHostIndex(input: unknown): input is number {
  return Number.isInteger(input) && (input as number) >= 0 && (input as number) < INDEX_AT_MOST;
}

function hostIndex(input: unknown, where: string): number {
  if (isHostIndex(input)) return input;
  throw new ContractError(`${where} must hold indices of hosts`);
}

function refuseOtherProtocol(input: unknown): void {
  const protocol = number(input, 'protocol');
  if (protocol === PROTOCOL) return;
  throw new ProtocolError(`the server speaks protocol ${protocol}, this page speaks ${PROTOCOL}`);
}

function parseHosts(input: unknown): Pick<Hosts, 'hosts' | 'rejected'> {
  const hosts: Told[] = [];
  const rejected: string[] = [];
  for (const one of listOrNone(input, 'hosts')) {
    try {
      const [index, info] = list(one, 'a host');
      hosts.push([hostIndex(index, 'hosts'), parseInfo(info)]);
    } catch (error) {
      if (!(error instanceof ContractError)) throw error;
      rejected.push(error.message);
    }
  }
  return { hosts, rejected };
}

function parseAlerts(message: Record<string, unknown>): AlertsStep & Pick<Hosts, 'rejected'> {
  const rejected: string[] = [];
  const entries = (input: unknown) =>
    parseEntries(input, (sentence) => {
      rejected.push(sentence);
    });
  return {
    status: parseStatus(message.status),
    count: number(message.count, 'count'),
    total: number(message.total, 'total'),
    active: optional(message.active, entries),
    changed: optional(message.changed, entries) ?? [],
    cleared: strings(message.cleared ?? [], 'cleared'),
    hosts: listOrNone(message.hosts, 'hosts').map((one) => {
      const [host, count] = list(one, 'a host');
      return [string(host, 'host'), number(count, 'count of a host')];
    }),
    rejected,
  };
}

const ALERTS_STATES = ['on', 'reading', 'lagging', 'halted'] as const;

function parseStatus(input: unknown): AlertsStatus {
  const status = record(input, 'status');
  return {
    state: oneOf(status.state, ALERTS_STATES, 'status.state'),
    ...present({
      reason: optional(status.reason, (value) => string(value, 'status.reason')),
      after_ms: optional(status.after_ms, (value) => number(value, 'status.after_ms')),
    }),
  };
}

function parseInfo(input: unknown): Info {
  const info = record(input, 'host');
  const host = string(info.host, 'host');
  if (host === '') throw new ContractError('host must not be empty');
  const numberAt = (field: string) =>
    optional(info[field], (value) => number(value, `${field} of ${host}`));
  const positiveAt = (field: string) =>
    optional(info[field], (value) => positive(value, `${field} of ${host}`));
  return {
    host,
    ...present({
      interval_ms: positiveAt('interval_ms'),
      labels: optional(info.labels, (value) => parseLabels(value, `labels of ${host}`)),
      memory_total_bytes: positiveAt('memory_total_bytes'),
      booted_ms: numberAt('booted_ms'),
      causes: optional(info.causes, (value) => strings(value, `causes of ${host}`)),
      late_samples: numberAt('late_samples'),
      late_ms: numberAt('late_ms'),
      dropped_samples: numberAt('dropped_samples'),
    }),
  };
}

function strings(input: unknown, where: string): string[] {
  return list(input, where).map((one) => string(one, where));
}

function parseConditions(message: Record<string, unknown>): Conditions {
  return {
    link: parseLink(message.link),
    history: parseHistory(message.history),
    pipeline: parsePipeline(message.pipeline),
  };
}

const LINK_STATES: readonly LinkState[] = [
  'connecting',
  'up',
  'blocked',
  'down',
  'refused',
  'closed',
];

function parseLink(input: unknown): Link {
  const link = record(input, 'link');
  return {
    state: oneOf(link.state, LINK_STATES, 'link.state'),
    since_ms: number(link.since_ms, 'link.since_ms'),
    ...present({ reason: optional(link.reason, (value) => string(value, 'link.reason')) }),
  };
}

const HISTORY_STATES: readonly HistoryState[] = ['off', 'on', 'lagging'];

function parseHistory(input: unknown): History {
  const history = record(input, 'history');
  return {
    state: oneOf(history.state, HISTORY_STATES, 'history.state'),
    ...present({ reason: optional(history.reason, (value) => string(value, 'history.reason')) }),
  };
}

const PIPELINE_STATES: readonly PipelineState[] = [
  'flowing',
  'idle',
  'no_analyzer',
  'stalled',
  'unknown',
];

function parsePipeline(input: unknown): Pipeline {
  const pipeline = record(input, 'pipeline');
  return {
    state: oneOf(pipeline.state, PIPELINE_STATES, 'pipeline.state'),
    since_ms: number(pipeline.since_ms, 'pipeline.since_ms'),
    ...present({
      waiting_measures: optional(pipeline.waiting_measures, (value) =>
        number(value, 'pipeline.waiting_measures'),
      ),
    }),
  };
}
