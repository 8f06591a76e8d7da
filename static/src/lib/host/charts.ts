/** Which charts a host has, and what each of them draws. Pure. */

import type { ResourceThresholds } from '../generated/ResourceThresholds';
import { canBeAskedFor } from './history';

export type Unit = 'percentage' | 'load' | 'rate' | 'celsius';

export interface Line {
  readonly name: string;
  /** Resources that are added up; mostly one. */
  readonly parts: readonly string[];
}

export interface Chart {
  readonly id: string;
  readonly heading: string;
  readonly unit: Unit;
  readonly lines: readonly Line[];
}

/** Names that charts and lines go by; the words come from where all words are. */
export interface ChartWords {
  readonly cpu: string;
  readonly memoryAndSwap: string;
  readonly memory: string;
  readonly swap: string;
  readonly load: string;
  readonly network: string;
  readonly networkOf: (interfaceName: string) => string;
  readonly received: string;
  readonly transmitted: string;
  readonly disks: (part: number, parts: number) => string;
  readonly temperatures: (part: number, parts: number) => string;
}

/** Lines that can still be told apart in one picture. */
const LINES_AT_MOST = 6;

/** What is asked of a host that the server has not heard of, but history may know. */
export const USUAL_SERIES: readonly string[] = ['cpu', 'memory', 'swap', 'load_1m'];

/** The charts of a host that has these series. */
export function chartsOf(series: readonly string[], words: ChartWords): Chart[] {
  const known = new Set(series.filter(canBeAskedFor));
  const only = (resource: string, name: string): Line[] =>
    known.has(resource) ? [{ name, parts: [resource] }] : [];
  const interfaces = interfacesOf(known);
  const charts: Chart[] = [
    { id: 'cpu', heading: words.cpu, unit: 'percentage', lines: only('cpu', words.cpu) },
    {
      id: 'memory',
      heading: known.has('swap') ? words.memoryAndSwap : words.memory,
      unit: 'percentage',
      lines: [...only('memory', words.memory), ...only('swap', words.swap)],
    },
    { id: 'load', heading: words.load, unit: 'load', lines: only('load_1m', words.load) },
    {
      id: 'network',
      heading: words.network,
      unit: 'rate',
      lines:
        interfaces.length === 0
          ? []
          : [
              { name: words.received, parts: interfaces.map((name) => received(name)) },
              { name: words.transmitted, parts: interfaces.map((name) => transmitted(name)) },
            ],
    },
    ...inParts(linesUnder('disk:', known)).map((lines, i, all) => ({
      id: `disks-${i}`,
      heading: words.disks(i + 1, all.length),
      unit: 'percentage' as const,
      lines,
    })),
    ...inParts(linesUnder('temperature:', known)).map((lines, i, all) => ({
      id: `temperatures-${i}`,
      heading: words.temperatures(i + 1, all.length),
      unit: 'celsius' as const,
      lines,
    })),
  ];
  return charts.filter(({ lines }) => lines.length > 0);
}

/** A chart for each interface, where there are several; one alone is its sum. */
export function interfaceChartsOf(series: readonly string[], words: ChartWords): Chart[] {
  const interfaces = interfacesOf(new Set(series.filter(canBeAskedFor)));
  if (interfaces.length < 2) return [];
  return interfaces.map((name) => ({
    id: `network-${name}`,
    heading: words.networkOf(name),
    unit: 'rate',
    lines: [
      { name: words.received, parts: [received(name)] },
      { name: words.transmitted, parts: [transmitted(name)] },
    ],
  }));
}

/** All resources a chart is made of. */
export function resourcesOf(chart: Chart): string[] {
  return chart.lines.flatMap((line) => line.parts);
}

const received = (name: string) => `network:${name}:received`;
const transmitted = (name: string) => `network:${name}:transmitted`;

function interfacesOf(series: ReadonlySet<string>): string[] {
  const names = [...series].map(
    (name) => /^network:(.+):(?:received|transmitted)$/.exec(name)?.[1],
  );
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}

function linesUnder(prefix: string, series: ReadonlySet<string>): Line[] {
  return [...series]
    .filter((name) => name.startsWith(prefix))
    .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }))
    .map((resource) => ({ name: resource.slice(prefix.length), parts: [resource] }));
}

/** As many parts as are needed, as even as can be. */
function inParts(lines: readonly Line[]): Line[][] {
  const count = Math.ceil(lines.length / LINES_AT_MOST);
  const size = Math.ceil(lines.length / Math.max(1, count));
  return Array.from({ length: count }, (_, i) => lines.slice(i * size, (i + 1) * size));
}

/** A line across a chart. */
export interface ThresholdLine {
  /** The line it is for, where it is not for all of the chart. */
  readonly name: string | undefined;
  readonly level: 'MEDIUM' | 'HIGH';
  readonly percentage: number;
}

/** Thresholds of the lines of a chart; one for all where they are the same for all. */
export function thresholdLines(
  chart: Chart,
  thresholds: readonly ResourceThresholds[],
): ThresholdLine[] {
  if (chart.unit !== 'percentage') return [];
  const known = chart.lines.flatMap((line) =>
    thresholds
      .filter(({ resource }) => line.parts.includes(resource))
      .map(({ medium, high }) => ({ name: line.name, medium, high })),
  );
  const [first] = known;
  const isShared = known.every(
    ({ medium, high }) => medium === first?.medium && high === first.high,
  );
  return (isShared ? known.slice(0, 1) : known).flatMap(({ name, medium, high }) => {
    const common = { name: isShared ? undefined : name };
    // Nothing is ever MEDIUM between two that are the same.
    if (medium >= high) return [{ ...common, level: 'HIGH' as const, percentage: high }];
    return [
      { ...common, level: 'MEDIUM' as const, percentage: medium },
      { ...common, level: 'HIGH' as const, percentage: high },
    ];
  });
}
