/**
 * A server that speaks docs/api.md about hosts that do not exist: for work on the page without
 * anything else running, and for measuring the page.
 *
 * node e2e/mock-server.mjs --hosts 40 --port 8888 --history lagging
 *
 * With `npm run dev` beside it, changes to the page show at once.
 */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { WebSocketServer } from 'ws';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));

const POLICY =
  "default-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:";

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const INTERVAL_MS = 1_000;
const BATCHES_PER_SECOND = 10;
const POINTS_KEPT = 120;
const GIB = 1024 ** 3;

const ROLES = ['web', 'api', 'db', 'cache', 'worker', 'queue', 'build', 'edge', 'mail', 'store'];
const PLACES = ['fra', 'ams', 'sin', 'nyc', 'gru'];

/** Small and seeded, so that two runs show the same fleet. */
function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function levelOf(percentage) {
  return percentage >= 75 ? 'HIGH' : percentage >= 25 ? 'MEDIUM' : 'LOW';
}

/** One host that wanders around a load of its own. */
class SimulatedHost {
  constructor(index, nowMs) {
    const random = randomFrom(index);
    this.random = random;
    const role = ROLES[index % ROLES.length];
    const place = PLACES[Math.floor(index / ROLES.length) % PLACES.length];
    this.name = `${role}-${1 + Math.floor(index / ROLES.length)}.${place}.example.com`;
    this.typical = random() ** 3.4 * 92 + 2;
    this.cpu = this.typical;
    this.totalBytes = [2, 4, 8, 16, 32, 64, 128, 512][Math.floor(random() * 8)] * GIB * 0.97;
    this.memoryShare = 0.08 + random() ** 1.5 * 0.6;
    this.disk = random() ** 4 * 97;
    this.bootedMs = nowMs - random() ** 3 * 200 * 86_400_000;
    this.load = this.cpu / 20;
    this.sequence = 0;
    /** A few hosts say little, one has a gap, one has fallen silent, as in life. */
    this.terse = index % 23 === 11;
    this.silent = index % 97 === 13;
    /** One sends what it could not send before. */
    this.backFilling = index % 41 === 3;
    this.points = [];
    const gapAt = index % 9 === 4 ? 40 + Math.floor(random() * 40) : Infinity;
    const known = index % 31 === 5 ? 12 : POINTS_KEPT;
    for (let i = known; i > 0; i -= 1) {
      // Its next sample is then due exactly when its turn comes.
      const turnMs = ((index % BATCHES_PER_SECOND) + 1) * (INTERVAL_MS / BATCHES_PER_SECOND);
      const timestampMs = nowMs - i * INTERVAL_MS + turnMs - (this.silent ? 95_000 : 0);
      this.step(timestampMs);
      if (i > gapAt && i < gapAt + 12) this.points.pop();
    }
  }

  step(timestampMs) {
    const pull = (this.typical - this.cpu) * 0.06;
    const jump = this.random() < 0.015 ? (this.random() - 0.3) * 55 : 0;
    this.cpu = Math.min(100, Math.max(0.2, this.cpu + pull + jump + (this.random() - 0.5) * 7));
    this.load += (this.cpu / 20 - this.load) * 0.05;
    this.memoryShare = Math.min(
      0.98,
      Math.max(0.03, this.memoryShare + (this.random() - 0.5) / 90),
    );
    this.timestampMs = timestampMs;
    this.sequence += 1;
    this.points.push([timestampMs, Math.round(this.cpu * 100) / 100]);
    if (this.points.length > POINTS_KEPT) this.points.shift();
  }

  toJson(points) {
    const cpuPercentage = Math.round(this.cpu * 100) / 100;
    const cpuResult = levelOf(cpuPercentage);
    const common = {
      host: this.name,
      cpu_result: cpuResult,
      cpu_percentage: cpuPercentage,
      timestamp_ms: this.timestampMs,
      received_ms: this.timestampMs + 3,
      points,
      ...(this.backFilling && { late_samples: this.sequence * 10, late_ms: this.timestampMs + 3 }),
    };
    const cpu = { name: 'cpu', percentage: cpuPercentage, level: cpuResult };
    if (this.terse) return { ...common, level: cpuResult, resources: [cpu] };
    const memory = this.memoryShare * 100;
    const resources = [
      cpu,
      // Memory and disks are meant to be used: their thresholds lie higher.
      { name: 'memory', percentage: memory, level: levelOf(memory - 35) },
      { name: 'disk:/', percentage: this.disk, level: levelOf(this.disk - 22) },
    ];
    const order = ['LOW', 'MEDIUM', 'HIGH'];
    const level = order[Math.max(...resources.map((one) => order.indexOf(one.level)))];
    const round = (value) => Math.round(value * 100) / 100;
    return {
      ...common,
      level,
      memory: {
        total_bytes: Math.round(this.totalBytes),
        used_bytes: Math.round(this.totalBytes * this.memoryShare),
      },
      load_average: [round(this.load), round(this.load * 0.9), round(this.load * 0.8)],
      resources,
      uptime_seconds: Math.round((this.timestampMs - this.bootedMs) / 1_000),
      interval_ms: INTERVAL_MS,
      run: '5d0c4b1e',
      sequence: this.sequence,
    };
  }
}

/**
 * Starts the server; answers with its address and a way to stop it.
 *
 * @param {{ hosts?: number, port?: number, link?: object, history?: object }} options
 */
export async function startMockServer({ hosts = 40, port = 0, link, history } = {}) {
  const startedMs = Date.now();
  const fleet = Array.from({ length: hosts }, (_, index) => new SimulatedHost(index, startedMs));
  const linkNow = { state: 'up', since_ms: startedMs, ...link };

  const server = createServer((request, response) => {
    answer(request, response, fleet, linkNow).catch(() => response.destroy());
  });
  const sockets = new WebSocketServer({ server, path: '/ws' });
  sockets.on('connection', (socket) => {
    socket.on('error', () => socket.terminate());
    socket.send(
      JSON.stringify({
        type: 'snapshot',
        protocol: 1,
        server_version: '0.0.0-mock',
        server_time_ms: Date.now(),
        link: linkNow,
        history: history ?? { state: 'on' },
        hosts: fleet.map((host) => host.toJson(host.points)),
      }),
    );
  });

  const send = (message) => {
    const text = JSON.stringify({ server_time_ms: Date.now(), ...message });
    for (const socket of sockets.clients) if (socket.readyState === 1) socket.send(text);
  };

  // Each batch carries the hosts whose turn it is, as trackers that started at different times would.
  let turn = 0;
  const batches = setInterval(() => {
    const nowMs = Date.now();
    const changed = [];
    for (let i = turn; i < fleet.length; i += BATCHES_PER_SECOND) {
      const host = fleet[i];
      if (host.silent) continue;
      host.step(nowMs);
      changed.push(host.toJson([host.points.at(-1)]));
    }
    turn = (turn + 1) % BATCHES_PER_SECOND;
    if (changed.length > 0) send({ type: 'changes', hosts: changed });
  }, INTERVAL_MS / BATCHES_PER_SECOND);
  const heartbeats = setInterval(() => send({ type: 'heartbeat' }), 5_000);

  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });

  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    async stop() {
      clearInterval(batches);
      clearInterval(heartbeats);
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(request, response, fleet, link) {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  const json = (body) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  if (pathname === '/healthz') return json({ status: 'ok' });
  if (pathname === '/readyz') return json({ status: 'ready', link });
  if (pathname === '/api/v1/hosts') {
    const hosts = fleet.map((host) => host.toJson(undefined));
    return json({ server_time_ms: Date.now(), hosts });
  }
  const file = normalize(join(DIST, pathname === '/' ? 'index.html' : pathname));
  const known = file.startsWith(DIST + sep) && (await stat(file).catch(() => null))?.isFile();
  if (!known) {
    response.writeHead(404, { 'content-type': 'application/json' });
    return response.end('{"error":"no such page"}');
  }
  response.writeHead(200, {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'content-security-policy': POLICY,
    'cache-control': 'no-store',
  });
  return createReadStream(file).pipe(response);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: {
      hosts: { type: 'string', default: '40' },
      port: { type: 'string', default: '8888' },
      link: { type: 'string', default: 'up' },
      history: { type: 'string', default: 'on' },
    },
  });
  const server = await startMockServer({
    hosts: Number(values.hosts),
    port: Number(values.port),
    link: {
      state: values.link,
      ...(values.link !== 'up' && { reason: 'connection refused (127.0.0.1:5672)' }),
    },
    history: {
      state: values.history,
      ...(values.history === 'lagging' && { reason: 'the disk is full' }),
    },
  });
  console.log(`Open ${server.url}`);
}
