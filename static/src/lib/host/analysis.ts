/** What the host page reads out of an analysis. Pure. */

import type { Analysis } from '../detail';
import type { Level } from '../generated/Level';
import type { Usage } from '../generated/Usage';

/** Used as a percentage of the total; nothing of nothing is 0. */
export function percentageOf({ used_bytes, total_bytes }: Readonly<Usage>): number {
  return total_bytes > 0 ? Math.min(100, (used_bytes / total_bytes) * 100) : 0;
}

/** Level of one resource; LOW when the analyzer said nothing of it. */
export function levelOf(analysis: Analysis, resource: string): Level {
  return analysis.resources.find(({ name }) => name === resource)?.level ?? 'LOW';
}

/** The figures of an analysis under the names history keeps them by. */
export function seriesOf(analysis: Analysis): Map<string, number> {
  const series = new Map<string, number>([['cpu', analysis.cpu_percentage]]);
  for (const { name, percentage } of analysis.resources) series.set(name, percentage);
  if (analysis.load_average !== undefined) series.set('load_1m', analysis.load_average[0]);
  for (const network of analysis.networks ?? []) {
    const name = `network:${network.interface}`;
    series.set(`${name}:received`, network.received_bytes_per_second);
    series.set(`${name}:transmitted`, network.transmitted_bytes_per_second);
  }
  for (const { label, celsius } of analysis.temperatures ?? []) {
    series.set(`temperature:${label}`, celsius);
  }
  return series;
}

/** Whether a host sends nothing but its CPU. */
export function isCpuAlone(analysis: Analysis): boolean {
  return (
    analysis.memory === undefined &&
    analysis.load_average === undefined &&
    (analysis.disks ?? []).length === 0 &&
    (analysis.networks ?? []).length === 0
  );
}
