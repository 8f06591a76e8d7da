/** The words of the host page. */

import * as format from '../format';
import type { ChartWords } from '../host/charts';
import type { Analysis } from '../detail';
import type { Freshness } from '../store';
import type { Trouble } from '../host/history';
import type { Length } from '../host/range';

export const LABELS = 'Labels';
export const CAUSES = 'Because of';
export const BACK = { hosts: 'Back to the hosts', alerts: 'Back to the alerts' } as const;

/** With the page cut off from the server, age says nothing about the host. */
export const CUT_OFF = 'Last known';

export const HOST_FRESHNESS: Readonly<Record<Freshness, string>> = {
  fresh: 'Live',
  late: 'Late',
  silent: 'Silent',
};

/** How new the figures are; the instant it was heard last stands beside it. */
export function freshness(state: Freshness, ageMs: number, intervalMs: number | undefined): string {
  const age = format.age(ageMs);
  const every = intervalMs === undefined ? '' : `, one is due every ${format.duration(intervalMs)}`;
  switch (state) {
    case 'fresh':
      return `last sample ${age} ago`;
    case 'late':
      return `last sample ${age} ago${every}`;
    case 'silent':
      return `nothing heard for ${age}${every}`;
  }
}

export const LAST_HEARD = 'Last heard';

export const ASKING = (host: string) => ({
  heading: `Asking the server about ${host}…`,
  text: '',
});

export const NO_SERVER = 'The host appears here by itself as soon as the server answers.';

export const UNKNOWN_HOST = (host: string) => ({
  heading: `No host is called ${host}`,
  text: 'Neither the server nor its history has heard of it. A host appears by itself as soon as its tracker sends a first sample; check the name if it should be here.',
  action: 'Show all hosts',
});

export const NOT_HEARD_SINCE_START =
  'This host sent nothing since the server started. What history knows of it is shown; figures appear by themselves when it sends again.';

export const UNREADABLE =
  'What this host sends cannot be shown here: its time or its CPU figure is missing.';

export const RANGES = 'Range of the charts';

export const LENGTH_WORDS: Readonly<Record<Length, { short: string; long: string }>> = {
  '5m': { short: '5 min', long: 'Last 5 minutes' },
  '15m': { short: '15 min', long: 'Last 15 minutes' },
  '1h': { short: '1 h', long: 'Last hour' },
  '6h': { short: '6 h', long: 'Last 6 hours' },
  '24h': { short: '24 h', long: 'Last 24 hours' },
  '7d': { short: '7 d', long: 'Last 7 days' },
  '30d': { short: '30 d', long: 'Last 30 days' },
  '1y': { short: '1 y', long: 'Last year' },
  '2y': { short: '2 y', long: 'Last 2 years' },
};

export const ZOOM = {
  group: 'Zoom and move',
  in: 'Zoom in',
  out: 'Zoom out',
  earlier: 'Earlier',
  later: 'Later',
  reset: 'Reset zoom',
  resetLong: 'Back to the range before zooming (Escape)',
};

export const FREE_RANGE = {
  open: 'From … to …',
  from: 'From',
  to: 'To',
  show: 'Show',
  incomplete: 'Give both a beginning and an end.',
  turned: 'The beginning must be before the end.',
};

export const PRINT = 'Print';

export const CHARTS = 'Charts';
export const NOW = 'Now';
export const LAST_KNOWN_FIGURES = 'Last known figures';

/** What a pointer or a keyboard can do with a chart. */
export const CHART_HELP =
  'Drag to zoom, double click to go back. With the keyboard: arrows move the cursor, + and − zoom, Shift with arrows moves the range, Escape goes back.';

export const CHART_WORDS: ChartWords = {
  cpu: 'CPU',
  memoryAndSwap: 'Memory and swap',
  memory: 'Memory',
  swap: 'Swap',
  load: 'Load, 1 min',
  network: 'Network',
  networkOf: (interfaceName) => `Network ${interfaceName}`,
  received: 'In',
  transmitted: 'Out',
  disks: (part, parts) => (parts > 1 ? `Disks, ${part} of ${parts}` : 'Disks'),
  temperatures: (part, parts) => (parts > 1 ? `Temperatures, ${part} of ${parts}` : 'Temperatures'),
};

export const EACH_INTERFACE = (count: number) => `Each of the ${format.count(count)} interfaces`;

export const SUMMARY = {
  caption: (heading: string) => `${heading}: figures of the range shown`,
  line: 'Line',
  latest: 'Latest',
  cursor: 'At cursor',
  minimum: 'Min',
  average: 'Avg',
  maximum: 'Max',
  none: 'none',
  unknown: 'n/a',
  ofSum: 'Not known of several interfaces together: each has its own below',
};

/** What a screen reader hears of the cursor while it is nowhere. */
export const NO_POINT = 'no point chosen';
export const chartCursor = (heading: string) => `${heading}, chart cursor`;

export const NOTHING_IN_RANGE = 'No sample in this range.';
export const LOADING = 'Loading…';
export const DRAWING_FAILED = 'The drawing part of the page could not be loaded.';
export const TRY_AGAIN = 'Try again';

/** What a line across a chart stands for: `high 90%`, `swap high 80%`. */
export function threshold(level: 'MEDIUM' | 'HIGH', percentage: number, name?: string): string {
  const words = `${level === 'HIGH' ? 'high' : 'medium'} ${percentage}%`;
  return name === undefined ? words : `${name} ${words}`;
}

/** What a point of the charts stands for. */
export function resolution(stepMs: number, isRaw: boolean): string {
  if (isRaw) return 'Every sample is shown.';
  const width = wordedDuration(stepMs);
  return `Each point is the average of ${width}; the band reaches from minimum to maximum.`;
}

/** The same where there is little room. */
export function shortResolution(stepMs: number, isRaw: boolean): string {
  return isRaw ? 'every sample' : `${wordedDuration(stepMs)} a point`;
}

/** `10 s`, `5 min`, `1 h 30 min`: exact, for widths of columns. */
export function wordedDuration(milliseconds: number): string {
  const seconds = milliseconds / 1_000;
  if (seconds < 60) return `${Number(seconds.toFixed(2))}\u00a0s`;
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [Math.round(seconds % 60), 's'],
  ];
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}\u00a0${unit}`)
    .join(' ');
}

/** Why there is no history to show. */
export function historyTrouble(trouble: Trouble, reason: string, isLive: boolean): string {
  const live = isLive ? ' What arrives now is still drawn.' : '';
  switch (trouble) {
    case 'off':
      return `History is switched off on this server: only what arrives while this page is open can be drawn.`;
    case 'unknown':
      return `History has not heard of this host yet.${live}`;
    case 'busy':
      return `The server has too many questions to its history at once; asking again.${live}`;
    case 'unreachable':
      return `History cannot be reached; asking again.${live}`;
    case 'failed':
      return `History gave no answer: ${reason.replace(/\.$/, '')}.${live}`;
  }
}

export function historyLagging(reason: string | undefined): string {
  const why = reason === undefined ? '' : ` (${reason.replace(/\.$/, '')})`;
  return `History is behind${why}: the charts may end early and fill in later. What arrives now is drawn.`;
}

export function ago(ageMs: number): string {
  return `${format.age(ageMs)} ago`;
}

/** `0.4 s ahead of the server`; below what anyone can notice it is in step. */
export function clockOffset(offsetMs: number): string {
  const size = Math.abs(offsetMs);
  if (size < 50) return 'in step with the server';
  return `${format.age(size)} ${offsetMs > 0 ? 'ahead of' : 'behind'} the server`;
}

/** Clocks that differ by more than this are worth a look: alarms and charts follow them. */
export const CLOCK_TOLERANCE_MS = 2_000;

export function samples(count: number): string {
  return count === 0 ? 'none' : `${format.count(count)} ${count === 1 ? 'sample' : 'samples'}`;
}

export const PANELS = {
  cores: 'CPU per core',
  core: (index: number) => `Core ${index}`,
  processes: 'Top processes',
  noProcesses: 'None is busy enough to be told.',
  process: 'Process',
  pid: 'PID',
  cpu: 'CPU',
  memory: 'Memory',
  memoryAndSwap: 'Memory and swap',
  swap: 'Swap',
  load: 'Load over 1, 5 and 15 min',
  disks: 'Disks',
  networks: 'Network',
  interfaceName: 'Interface',
  received: 'In',
  transmitted: 'Out',
  temperatures: 'Temperatures',
  sensor: 'Sensor',
  celsius: 'Now',
  system: 'System',
  tracking: 'Tracking',
  onlyCpu: 'This host sends its CPU alone; a full tracker sends memory, disks, network and more.',
};

export const FACTS = {
  os: 'Operating system',
  kernel: 'Kernel',
  cpuModel: 'CPU',
  cores: 'Cores',
  trackerVersion: 'Tracker',
  uptime: 'Up for',
  booted: 'Started',
  memory: 'Memory',
  noSystem: 'Told by the tracker about once a minute; nothing yet.',
  sampled: 'Sampled',
  received: 'Received',
  interval: 'One sample every',
  clock: 'Clock',
  late: 'Late samples',
  dropped: 'Dropped samples',
  run: 'Run',
  sequence: 'Sequence',
};

/** What the figure of a cursor is of: `20 Nov 2026, 19:20:11`. */
export function cursorAt(instantMs: number, figures: readonly string[]): string {
  return [format.localTime(instantMs), ...figures].join(', ');
}

export function printedAt(instantMs: number): string {
  return `Printed ${format.localTime(instantMs)} (${format.utcTime(instantMs)})`;
}

/** The shown range for print and for ears: `20 Nov 2026, 18:20:11 – 20 Nov 2026, 19:20:11`. */
export function span(fromMs: number, toMs: number): string {
  return `${format.localTime(fromMs)} – ${format.localTime(toMs)}`;
}

export function spanUtc(fromMs: number, toMs: number): string {
  return `${format.utcTime(fromMs)} – ${format.utcTime(toMs)}`;
}

/** Which resources put a host at its level: `disk / · 93%`. */
export function causes({ level, resources }: Analysis): string[] {
  if (level === 'LOW') return [];
  return resources
    .filter((resource) => resource.level === level)
    .map(({ name, percentage }) => `${resourceName(name)} · ${format.wholePercentage(percentage)}`);
}

function resourceName(resource: string): string {
  return resource === 'cpu' ? 'CPU' : resource.replace(':', ' ');
}
