/** The history of a host of the mock server: what it might have been, ending at what it is. */

const TIERS = [
  { name: '1h', widthMs: 3_600_000, keptMs: 730 * 86_400_000 },
  { name: '1m', widthMs: 60_000, keptMs: 14 * 86_400_000 },
  { name: '10s', widthMs: 10_000, keptMs: 86_400_000 },
];
const RAW_MS = 5 * 60_000;
const IN_MEMORY = ['cpu', 'memory', 'swap'];

/** How much each kind of series wanders, how fast, and what it ends at. */
const KINDS = [
  { is: /^cpu$/, rough: 0.5, slowMs: 240_000, now: (host) => host.cpu },
  { is: /^memory$/, rough: 0.06, slowMs: 3_600_000, now: (host) => host.memory },
  { is: /^swap$/, rough: 0.04, slowMs: 7_200_000, now: (host) => host.swap },
  { is: /^disk:\/$/, rough: 0.01, slowMs: 86_400_000, now: (host) => host.disk },
  { is: /^disk:\/var$/, rough: 0.02, slowMs: 43_200_000, now: (host) => host.disk / 2 },
  { is: /^load_1m$/, rough: 0.4, slowMs: 300_000, now: (host) => host.load },
  { is: /:received$/, rough: 0.6, slowMs: 120_000, now: (host) => host.received },
  { is: /:transmitted$/, rough: 0.5, slowMs: 90_000, now: (host) => host.received / 3 },
  { is: /^temperature:/, rough: 0.1, slowMs: 400_000, now: temperatureOf },
];

/** Each sensor is a little warmer than the one before it. */
function temperatureOf({ temperature }, resource) {
  return temperature === null ? null : temperature + 3 * Number(resource.at(-1));
}

/** Between -1 and 1, the same for the same instant, and smooth. */
function wave(timeMs, slowMs) {
  const turns = [1, 0.29, 0.083].map((share) => timeMs / (slowMs * share));
  return (Math.sin(turns[0]) + 0.5 * Math.sin(turns[1] + 1) + 0.3 * Math.sin(turns[2] + 2)) / 1.8;
}

/** An hour each day is missing, and so is all from before the host was installed. */
function isMissing(timeMs, nowMs) {
  const hour = Math.floor(timeMs / 3_600_000);
  return hour % 24 === 3 || (timeMs < nowMs - 600_000 && Math.floor(timeMs / 60_000) % 41 === 7);
}

/** Answers `GET /api/v1/hosts/{host}/history` as docs/api.md describes it. */
export function historyOf(host, parameters, nowMs = Date.now()) {
  const toMs = Number(parameters.get('to') ?? nowMs);
  const fromMs = Number(parameters.get('from') ?? toMs - 3_600_000);
  const points = Number(parameters.get('points') ?? 1_000);
  const names = (parameters.get('resource') ?? 'cpu,memory,swap').split(',');
  const wantedMs = (toMs - fromMs) / points;
  const held = TIERS.filter(({ keptMs }) => fromMs + 60_000 >= nowMs - keptMs);
  const isRaw =
    fromMs >= nowMs - RAW_MS - 10_000 && names.every((name) => IN_MEMORY.includes(name));
  const coarse = held.find(({ widthMs }) => widthMs <= wantedMs);
  const tier = coarse ?? (isRaw ? { name: 'raw', widthMs: 1_000 } : (held.at(-1) ?? TIERS[0]));
  const stepMs = Math.max(1, Math.ceil(wantedMs / tier.widthMs)) * tier.widthMs;
  const timestamps = [];
  for (let at = Math.floor(fromMs / stepMs) * stepMs; at < toMs; at += stepMs) timestamps.push(at);
  return {
    host: host.name,
    from_ms: fromMs,
    to_ms: toMs,
    step_ms: stepMs,
    tier: tier.name,
    timestamps_ms: timestamps,
    series: names.map((name) => seriesOf(host, name, timestamps, stepMs, nowMs)),
  };
}

function seriesOf(host, resource, timestamps, stepMs, nowMs) {
  const kind = KINDS.find(({ is }) => is.test(resource));
  const now = kind?.now(host, resource) ?? null;
  const most = /^(network|load|temperature)/.test(resource) ? Infinity : 100;
  const figure = (timeMs, spread) => {
    if (now === null || timeMs > nowMs || isMissing(timeMs, nowMs)) return null;
    const change = kind.rough * (wave(timeMs, kind.slowMs) - wave(nowMs, kind.slowMs));
    const value = now * (1 + change) * (1 + spread * kind.rough * (stepMs > 1_000 ? 0.4 : 0));
    return Number(Math.min(most, Math.max(0, value)).toFixed(2));
  };
  return {
    resource,
    minimum: timestamps.map((timeMs) => figure(timeMs, -1)),
    average: timestamps.map((timeMs) => figure(timeMs, 0)),
    maximum: timestamps.map((timeMs) => figure(timeMs, 1)),
    samples: timestamps.map((timeMs) => (figure(timeMs, 0) === null ? 0 : stepMs / 1_000)),
  };
}
