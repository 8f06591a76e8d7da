/** All there is to know of one host now, for the page of that host, and its guard. */

import type { Analysis as ToldAnalysis } from './generated/Analysis';
import type { Level } from './generated/Level';
import type { ResourceLevel } from './generated/ResourceLevel';
import type { ResourceThresholds } from './generated/ResourceThresholds';
import type { System } from './generated/System';
import {
  ContractError,
  list,
  listOrNone,
  number,
  oneOf,
  optional,
  percentage,
  positive,
  present,
  record,
  string,
} from './guard';
import { parseLabels } from './labels';

/** One analysis as it came over the bus; without resources where the analyzer named none. */
export type Analysis = ToldAnalysis & { resources: ResourceLevel[] };

export interface Detail {
  readonly received_ms: number;
  readonly analysis: Analysis;
  readonly system?: System;
  readonly labels?: Readonly<Record<string, string>>;
  readonly thresholds?: readonly ResourceThresholds[];
  /** Clock of the host minus clock of the server; 0 until a sample came live. */
  readonly clock_offset_ms: number;
  readonly late_samples: number;
  readonly dropped_samples: number;
}

/** What was told of a host: `null` when the server does not know it. */
export type DetailOfHost = Detail | 'unreadable' | null;

const LEVELS: readonly Level[] = ['LOW', 'MEDIUM', 'HIGH'];

/** One that cannot be read is an answer as well: nobody is to wait for a better one in vain. */
export function readDetail(message: Record<string, unknown>): DetailOfHost {
  if (message.analysis === null) return null;
  try {
    return parseDetail(message);
  } catch (error) {
    if (!(error instanceof ContractError)) throw error;
    return 'unreadable';
  }
}

function parseDetail(message: Record<string, unknown>): Detail {
  return {
    received_ms: number(message.received_ms, 'received_ms'),
    analysis: parseAnalysis(message.analysis),
    clock_offset_ms:
      optional(message.clock_offset_ms, (value) => number(value, 'clock_offset_ms')) ?? 0,
    late_samples: optional(message.late_samples, (value) => number(value, 'late_samples')) ?? 0,
    dropped_samples:
      optional(message.dropped_samples, (value) => number(value, 'dropped_samples')) ?? 0,
    ...present({
      system: optional(message.system, parseSystem),
      labels: optional(message.labels, (value) => parseLabels(value, 'labels')),
      thresholds: optional(message.thresholds, parseThresholds),
    }),
  };
}

function parseAnalysis(input: unknown): Analysis {
  const analysis = record(input, 'analysis');
  const numberAt = (field: string) => optional(analysis[field], (value) => number(value, field));
  const listAt = <T>(field: string, parse: (value: unknown) => T) =>
    optional(analysis[field], (value) => list(value, field).map(parse));
  return {
    host: string(analysis.host, 'host'),
    level: oneOf(analysis.level, LEVELS, 'level'),
    cpu_result: oneOf(analysis.cpu_result, LEVELS, 'cpu_result'),
    cpu_percentage: percentage(analysis.cpu_percentage, 'cpu_percentage'),
    timestamp_ms: number(analysis.timestamp_ms, 'timestamp_ms'),
    stopping: optional(analysis.stopping, Boolean) ?? false,
    resources: listOrNone(analysis.resources, 'resources').map(parseResource),
    ...present({
      run: optional(analysis.run, (value) => string(value, 'run')),
      sequence: numberAt('sequence'),
      interval_ms: optional(analysis.interval_ms, (value) => positive(value, 'interval_ms')),
      dropped: numberAt('dropped'),
      cores_percentage: listAt('cores_percentage', (one) => percentage(one, 'cores_percentage')),
      load_average: optional(analysis.load_average, parseLoad),
      memory: optional(analysis.memory, (value) => parseUse(value, 'memory')),
      swap: optional(analysis.swap, (value) => parseUse(value, 'swap')),
      disks: listAt('disks', parseDisk),
      networks: listAt('networks', parseNetwork),
      temperatures: listAt('temperatures', parseTemperature),
      uptime_seconds: numberAt('uptime_seconds'),
      processes: listAt('processes', parseProcess),
    }),
  };
}

function parseResource(input: unknown): ResourceLevel {
  const resource = record(input, 'resources');
  return {
    name: string(resource.name, 'resources.name'),
    percentage: percentage(resource.percentage, 'resources.percentage'),
    level: oneOf(resource.level, LEVELS, 'resources.level'),
  };
}

function parseUse(input: unknown, where: string): { total_bytes: number; used_bytes: number } {
  const use = record(input, where);
  return {
    total_bytes: number(use.total_bytes, `${where}.total_bytes`),
    used_bytes: number(use.used_bytes, `${where}.used_bytes`),
  };
}

function parseLoad(input: unknown): [number, number, number] {
  const [one, five, fifteen] = list(input, 'load_average');
  return [
    number(one, 'load_average'),
    number(five, 'load_average'),
    number(fifteen, 'load_average'),
  ];
}

function parseDisk(input: unknown): NonNullable<Analysis['disks']>[number] {
  const disk = record(input, 'disks');
  return { mount_point: string(disk.mount_point, 'disks.mount_point'), ...parseUse(disk, 'disks') };
}

function parseNetwork(input: unknown): NonNullable<Analysis['networks']>[number] {
  const network = record(input, 'networks');
  return {
    interface: string(network.interface, 'networks.interface'),
    received_bytes_per_second: number(network.received_bytes_per_second, 'networks.received'),
    transmitted_bytes_per_second: number(
      network.transmitted_bytes_per_second,
      'networks.transmitted',
    ),
  };
}

function parseTemperature(input: unknown): NonNullable<Analysis['temperatures']>[number] {
  const temperature = record(input, 'temperatures');
  return {
    label: string(temperature.label, 'temperatures.label'),
    celsius: number(temperature.celsius, 'temperatures.celsius'),
  };
}

function parseProcess(input: unknown): NonNullable<Analysis['processes']>[number] {
  const process = record(input, 'processes');
  return {
    pid: number(process.pid, 'processes.pid'),
    name: string(process.name, 'processes.name'),
    cpu_percentage: number(process.cpu_percentage, 'processes.cpu_percentage'),
    memory_bytes: number(process.memory_bytes, 'processes.memory_bytes'),
  };
}

function parseSystem(input: unknown): System {
  const system = record(input, 'system');
  const textAt = (field: string) =>
    optional(system[field], (value) => string(value, `system.${field}`));
  return present({
    os: textAt('os'),
    kernel: textAt('kernel'),
    cpu_model: textAt('cpu_model'),
    cores: optional(system.cores, (value) => number(value, 'system.cores')),
    tracker_version: textAt('tracker_version'),
  });
}

function parseThresholds(input: unknown): ResourceThresholds[] {
  return list(input, 'thresholds').map((one) => {
    const threshold = record(one, 'thresholds');
    return {
      resource: string(threshold.resource, 'thresholds.resource'),
      medium: number(threshold.medium, 'thresholds.medium'),
      high: number(threshold.high, 'thresholds.high'),
    };
  });
}
