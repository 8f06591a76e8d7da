/**
 * A server that speaks docs/api.md about hosts that do not exist: for work on the page without
 * anything else running, and for measuring the page.
 *
 * node e2e/mock-server.mjs --hosts 40 --port 8888 --fault no_analyzer
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
import { MockAlerts } from './mock-alerts.mjs';
import { historyOf } from './mock-history.mjs';
import { SimulatedHost } from './mock-host.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));

/** That of the real server. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'";

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};

const INTERVAL_MS = 1_000;
const BATCHES_PER_SECOND = 10;
const JOURNAL_MESSAGES = 600;
const ROWS_AT_MOST = 256;

/** For how long it seems to run: silent hosts are then known to be silent. */
const UP_MS = 3_600_000;

/** What can be wrong, by the name it has on the command line. */
export const FAULTS = {
  none: {},
  broker_down: {
    link: { state: 'down', reason: 'connection refused (127.0.0.1:5672)' },
    pipeline: { state: 'unknown' },
    quiet: true,
  },
  broker_blocked: { link: { state: 'blocked', reason: 'low on disk' }, quiet: true },
  no_analyzer: { pipeline: { state: 'no_analyzer', waiting_measures: 4_210 }, quiet: true },
  stalled: { pipeline: { state: 'stalled', waiting_measures: 961 }, quiet: true },
  idle: { pipeline: { state: 'idle' }, quiet: true },
  history: { history: { state: 'lagging', reason: 'the disk is full' } },
};

/** The messages of one run of the server, numbered, and the last of them kept. */
class Journal {
  session = Math.random().toString(36).slice(2, 10);
  number = 0;
  #texts = [];

  add(message) {
    this.number += 1;
    const text = JSON.stringify({ ...message, number: this.number });
    this.#texts.push(text);
    if (this.#texts.length > JOURNAL_MESSAGES) this.#texts.shift();
    return text;
  }

  /** Texts after a number, or `undefined` when they are not all here any more. */
  after(session, number) {
    const missed = this.number - number;
    if (session !== this.session || missed < 0 || missed > this.#texts.length) return undefined;
    return missed === 0 ? [] : this.#texts.slice(-missed);
  }
}

class MockServer {
  #fleet;
  /** To raise some and clear them. */
  alerts;
  #journal = new Journal();
  #conditions;
  #quiet = false;
  #garbles = false;
  #isHeld = false;
  #refuses = false;
  #startedMs = Date.now();
  #turn = 0;
  #server;
  #sockets;
  #timers = [];

  constructor(hosts, fault, alerts) {
    this.#fleet = Array.from({ length: hosts }, (_, i) => new SimulatedHost(i, this.#startedMs));
    this.alerts = new MockAlerts(this.#fleet, alerts, (told) =>
      this.#tell({ type: 'alerts', ...told }),
    );
    this.#conditions = this.#conditionsOf(fault);
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
    this.#sockets = new WebSocketServer({
      server: this.#server,
      path: '/ws',
      verifyClient: () => !this.#refuses,
    });
    this.#sockets.on('connection', (socket, request) => this.#greet(socket, request));
  }

  async start(port) {
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    this.url = `http://127.0.0.1:${this.#server.address().port}/`;
    this.#timers.push(
      setInterval(() => this.#step(), INTERVAL_MS / BATCHES_PER_SECOND),
      setInterval(() => this.#broadcast(this.#stamped({ type: 'heartbeat' })), 5_000),
    );
  }

  /** Breaks something, or mends everything with `none`. */
  fail(fault) {
    const before = this.#conditions;
    this.#conditions = this.#conditionsOf(fault);
    for (const type of ['link', 'history', 'pipeline']) {
      if (JSON.stringify(before[type]) === JSON.stringify(this.#conditions[type])) continue;
      this.#tell({ type, [type]: this.#conditions[type] });
    }
  }

  /** From now on nothing comes from one host. */
  silence(name) {
    this.#fleet.find((host) => host.name === name).silent = true;
  }

  /** From now on says nothing, on connections that stay open. */
  hold() {
    this.#isHeld = true;
  }

  /** From now on takes no connection, though it serves the page. */
  refuse() {
    this.#refuses = true;
  }

  /** Cuts every connection, as a proxy that restarts would; the journal stays. */
  cut() {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  /** From now on sends details that lack what every page needs. */
  garble() {
    this.#garbles = true;
  }

  /** Forgets the last host, as after `--forget-after`. */
  forgetLast() {
    const index = this.#fleet.length - 1;
    this.#fleet.pop();
    this.#tell({ type: 'changes', gone: [index] });
  }

  async stop() {
    for (const timer of this.#timers) clearInterval(timer);
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #conditionsOf(fault) {
    const wrong = FAULTS[fault];
    if (wrong === undefined) {
      throw new Error(`no fault "${fault}"; there are ${Object.keys(FAULTS).join(', ')}`);
    }
    this.#quiet = wrong.quiet === true;
    const since = { since_ms: fault === 'none' ? this.#startedMs - UP_MS : Date.now() };
    const state = this.#fleet.length === 0 ? 'idle' : 'flowing';
    return {
      link: { state: 'up', ...since, ...wrong.link },
      history: { state: 'on', ...wrong.history },
      pipeline: { state, ...since, ...wrong.pipeline },
    };
  }

  #greet(socket, request) {
    socket.on('error', () => socket.terminate());
    socket.look = { rows: [], detail: [] };
    socket.on('message', (data) => this.#look(socket, data));
    const resume = new URL(request.url, this.url).searchParams.get('resume') ?? '';
    const [session, number] = [resume.split('.')[0], Number(resume.split('.')[1])];
    const missed = this.#journal.after(session, number);
    const { link, history, pipeline } = this.#conditions;
    const common = { protocol: 2, session: this.#journal.session, link, history, pipeline };
    if (missed !== undefined) {
      socket.send(JSON.stringify(this.#stamped({ type: 'resumed', ...common, number })));
      for (const text of missed) socket.send(text);
      return;
    }
    socket.send(
      JSON.stringify(
        this.#stamped({
          type: 'snapshot',
          ...common,
          number: this.#journal.number,
          server_version: '0.0.0-mock',
          push_interval_ms: 80,
          hosts: this.#fleet.map((host) => [host.index, host.info()]),
          rows: this.#fleet.map((host) => host.wholeRow(Date.now())),
        }),
      ),
    );
    socket.send(JSON.stringify(this.#stamped({ type: 'alerts', ...this.alerts.all() })));
  }

  #look(socket, data) {
    const look = data.length <= 16_384 ? readLook(data) : null;
    if (look === null) return socket.close(1008, 'not a look');
    const fresh = look.rows.filter((index) => !socket.look.rows.includes(index));
    socket.look = look;
    const known = fresh.flatMap((index) => this.#fleet[index] ?? []);
    if (known.length > 0) {
      const hosts = known.map((host) => [host.index, host.pointList()]);
      socket.send(JSON.stringify(this.#stamped({ type: 'points', hosts })));
    }
    for (const name of look.detail) this.#sendDetail(socket, name);
  }

  #sendDetail(socket, name) {
    const host = this.#fleet.find((one) => one.name === name);
    const detail = host?.detail() ?? { host: name, analysis: null };
    if (this.#garbles && detail.analysis) delete detail.analysis.cpu_percentage;
    socket.send(JSON.stringify(this.#stamped({ type: 'detail', ...detail })));
  }

  /** Each batch carries the hosts whose turn it is, as trackers started at different times would. */
  #step() {
    const turn = this.#turn;
    this.#turn = (turn + 1) % BATCHES_PER_SECOND;
    if (this.#quiet) return;
    const nowMs = Date.now();
    const changed = [];
    for (let i = turn; i < this.#fleet.length; i += BATCHES_PER_SECOND) {
      const host = this.#fleet[i];
      if (host.silent) continue;
      host.step(nowMs);
      changed.push(host);
    }
    if (changed.length === 0) return;
    const hosts = changed
      .filter((host) => host.infoChanged())
      .map((one) => [one.index, one.info()]);
    const rows = changed.map((host) => host.changedRow());
    this.#tell({ type: 'changes', ...(hosts.length > 0 && { hosts }), rows });
    const names = new Set(changed.map((host) => host.name));
    for (const socket of this.#sockets.clients) {
      for (const name of socket.look?.detail ?? []) {
        if (names.has(name)) this.#sendDetail(socket, name);
      }
    }
  }

  #stamped(message) {
    return { ...message, server_time_ms: Date.now() };
  }

  #tell(message) {
    this.#broadcast(this.#journal.add(this.#stamped(message)));
  }

  #broadcast(message) {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    if (this.#isHeld) return;
    for (const socket of this.#sockets.clients) if (socket.readyState === 1) socket.send(text);
  }

  async #answer(request, response) {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const json = (body, status = 200) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(body === undefined ? undefined : JSON.stringify(body));
    };
    if (pathname === '/healthz') return json({ status: 'ok' });
    if (pathname === '/readyz') return json({ status: 'ready', link: this.#conditions.link });
    const history = /^\/api\/v1\/hosts\/([^/]+)\/history$/.exec(pathname)?.[1];
    if (history !== undefined) {
      const host = this.#fleet.find((one) => one.name === decodeURIComponent(history));
      return host ? json(historyOf(host, searchParams)) : json({ error: 'no such host' }, 404);
    }
    const api = /^\/api\/v1\/((?:alerts|silences).*)$/.exec(pathname)?.[1];
    if (api !== undefined) {
      const body = request.method === 'POST' ? await bodyOf(request) : undefined;
      const [status, answer] = this.alerts.answer(request.method, api, searchParams, body);
      return json(answer, status);
    }
    const file = normalize(join(DIST, pathname === '/' ? 'index.html' : pathname));
    const known = file.startsWith(DIST + sep) && (await stat(file).catch(() => null))?.isFile();
    if (!known) return json({ error: 'no such page' }, 404);
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': POLICY,
      'cache-control': 'no-store',
    });
    return createReadStream(file).pipe(response);
  }
}

async function bodyOf(request) {
  let text = '';
  for await (const part of request) text += part;
  return JSON.parse(text);
}

/** `null` for anything but a look. */
function readLook(data) {
  try {
    const look = JSON.parse(data.toString());
    const fits =
      look.type === 'look' && look.rows.length <= ROWS_AT_MOST && look.detail.length <= 8;
    return fits ? look : null;
  } catch {
    return null;
  }
}

/**
 * Starts the server; answers with its address, ways to break it and a way to stop it.
 *
 * @param {{ hosts?: number, port?: number, fault?: keyof typeof FAULTS, alerts?: number }} options
 */
export async function startMockServer({ hosts = 40, port = 0, fault = 'none', alerts = 0 } = {}) {
  const server = new MockServer(hosts, fault, alerts);
  await server.start(port);
  return server;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: {
      hosts: { type: 'string', default: '40' },
      port: { type: 'string', default: '8888' },
      fault: { type: 'string', default: 'none' },
      alerts: { type: 'string', default: '12' },
    },
  });
  const server = await startMockServer({
    hosts: Number(values.hosts),
    port: Number(values.port),
    fault: values.fault,
    alerts: Number(values.alerts),
  });
  console.log(`Open ${server.url}`);
}
