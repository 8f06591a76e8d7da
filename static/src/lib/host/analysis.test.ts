import { describe, expect, it } from 'vitest';
import type { Analysis } from '../detail';
import { isCpuAlone, levelOf, percentageOf, seriesOf } from './analysis';

const SMALLEST: Analysis = {
  host: 'a',
  level: 'LOW',
  cpu_result: 'LOW',
  cpu_percentage: 7,
  timestamp_ms: 1,
  resources: [],
  stopping: false,
};

describe('the series of an analysis', () => {
  it('have the names history keeps them by', () => {
    const full: Analysis = {
      ...SMALLEST,
      resources: [{ name: 'disk:/var', percentage: 80.5, level: 'HIGH' }],
      load_average: [1.5, 2, 3],
      networks: [
        {
          interface: 'eth0',
          received_bytes_per_second: 10.25,
          transmitted_bytes_per_second: 20,
        },
      ],
      temperatures: [{ label: 'Core 0', celsius: -3.5 }],
    };
    expect(Object.fromEntries(seriesOf(full))).toEqual({
      cpu: 7,
      'disk:/var': 80.5,
      load_1m: 1.5,
      'network:eth0:received': 10.25,
      'network:eth0:transmitted': 20,
      'temperature:Core 0': -3.5,
    });
    expect(isCpuAlone(full)).toBe(false);
    expect(levelOf(full, 'disk:/var')).toBe('HIGH');
  });

  it('of the smallest analysis are its CPU', () => {
    expect([...seriesOf(SMALLEST)]).toEqual([['cpu', 7]]);
    expect(isCpuAlone(SMALLEST)).toBe(true);
    expect(levelOf(SMALLEST, 'memory')).toBe('LOW');
  });
});

describe('a share', () => {
  it('of nothing is nothing', () => {
    expect(percentageOf({ total_bytes: 0, used_bytes: 0 })).toBe(0);
    expect(percentageOf({ total_bytes: 200, used_bytes: 50 })).toBe(25);
  });
});
