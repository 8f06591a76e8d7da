import { describe, expect, it } from 'vitest';
import { CHART_WORDS } from '../words/host';
import { chartsOf, interfaceChartsOf, resourcesOf, thresholdLines } from './charts';

const chartsFrom = (...series: string[]) => chartsOf(series, CHART_WORDS);
const headings = (...series: string[]) => chartsFrom(...series).map((chart) => chart.heading);

describe('the charts of a host', () => {
  it('are those of what it sends', () => {
    expect(headings('cpu')).toEqual(['CPU']);
    expect(
      headings('cpu', 'memory', 'disk:/', 'load_1m', 'network:eth0:received', 'temperature:Core 0'),
    ).toEqual(['CPU', 'Memory', 'Load, 1 min', 'Network', 'Disks', 'Temperatures']);
    expect(headings('memory', 'swap')).toEqual(['Memory and swap']);
  });

  it('add interfaces up, and show each when there are several', () => {
    const series = ['eth0', 'wlan:0'].flatMap((name) => [
      `network:${name}:received`,
      `network:${name}:transmitted`,
    ]);
    const [network] = chartsFrom(...series);
    expect(network?.lines[0]?.parts).toEqual(['network:eth0:received', 'network:wlan:0:received']);
    const each = interfaceChartsOf(series, CHART_WORDS);
    expect(each.map((chart) => chart.heading)).toEqual(['Network eth0', 'Network wlan:0']);
    expect(interfaceChartsOf(series.slice(0, 2), CHART_WORDS)).toEqual([]);
  });

  it('have no more lines than can be told apart, in an order people expect', () => {
    const series = Array.from({ length: 14 }, (_, i) => `temperature:Core ${i}`).reverse();
    const charts = chartsFrom(...series);
    expect(charts.map((chart) => chart.lines.length)).toEqual([5, 5, 4]);
    expect(charts.flatMap(resourcesOf)).toEqual(series.reverse());
    expect(new Set(charts.map((chart) => chart.id)).size).toBe(3);
  });

  it('leave out what history cannot be asked for', () => {
    expect(chartsFrom('cpu', 'disk:/a,b').flatMap(resourcesOf)).toEqual(['cpu']);
  });
});

describe('thresholds', () => {
  const CPU = { resource: 'cpu', medium: 25, high: 75 };
  const ROOT = { resource: 'disk:/', medium: 80, high: 90 };

  it('are told once where all lines share them', () => {
    const [disks] = chartsFrom('disk:/', 'disk:/var');
    const thresholds = [CPU, ROOT, { ...ROOT, resource: 'disk:/var' }];
    expect(disks && thresholdLines(disks, thresholds)).toEqual([
      { level: 'MEDIUM', percentage: 80 },
      { level: 'HIGH', percentage: 90 },
    ]);
  });

  it('say which line they are for where they differ', () => {
    const [disks] = chartsFrom('disk:/', 'disk:/var');
    const thresholds = [ROOT, { resource: 'disk:/var', medium: 80, high: 95 }];
    expect(disks && thresholdLines(disks, thresholds)).toEqual([
      { name: '/', level: 'MEDIUM', percentage: 80 },
      { name: '/', level: 'HIGH', percentage: 90 },
      { name: '/var', level: 'MEDIUM', percentage: 80 },
      { name: '/var', level: 'HIGH', percentage: 95 },
    ]);
  });

  it('are one where nothing is medium', () => {
    const [disks] = chartsFrom('disk:/');
    expect(disks && thresholdLines(disks, [{ resource: 'disk:/', medium: 90, high: 90 }])).toEqual([
      { level: 'HIGH', percentage: 90 },
    ]);
  });
});
