/** Alerts of the mock server: some that are raised, many that are over, and what is done about them. */

const MINUTE_MS = 60_000;
const LONGEST_SILENCE_MS = 30 * 86_400_000;
const TOLD_AT_MOST = 1_000;
const PAST = 130;

const CONDITIONS = [
  { kind: 'level', resource: 'cpu', level: 'HIGH', percentage: 96.2 },
  { kind: 'level', resource: 'disk:/', level: 'HIGH', percentage: 93 },
  { kind: 'silent' },
  { kind: 'level', resource: 'memory', level: 'MEDIUM', percentage: 84.5 },
  { kind: 'flapping', resource: 'cpu', level: 'MEDIUM', percentage: 61 },
  { kind: 'clock' },
];

export class MockAlerts {
  #active = new Map();
  #past;
  #silences = new Map();
  #tell;
  #next = 0;
  #status = { state: 'on' };

  /** `tell` is called with what a message says of each change. */
  constructor(fleet, count, tell, nowMs = Date.now()) {
    this.#tell = tell;
    for (let i = 0; i < count; i += 1) {
      const entry = this.#made(fleet, i, nowMs - (i + 1) * 7 * MINUTE_MS);
      this.#active.set(entry.id, entry);
    }
    const past = count === 0 ? 0 : PAST;
    this.#past = Array.from({ length: past }, (_, i) => {
      const entry = this.#made(fleet, i, nowMs - (i + 1) * 50 * MINUTE_MS);
      const clearedMs = entry.since_ms + (1 + (i % 30)) * MINUTE_MS;
      const by = i % 5 === 0 ? { acknowledged: { by: 'Ada', at_ms: entry.since_ms + 9_000 } } : {};
      return { ...entry, cleared_ms: clearedMs, timestamp_ms: clearedMs, ...by };
    });
  }

  /** What whoever connects is told. */
  all() {
    const active = this.#newestFirst().slice(0, TOLD_AT_MOST);
    const hosts = this.#hosts([...this.#active.values()]);
    return { ...this.#counts(), active, hosts };
  }

  /** Raises one more, now. */
  raise(host, fields) {
    const nowMs = Date.now();
    this.#next += 1;
    const id = `raised${this.#next}`;
    const entry = { id, host, since_ms: nowMs, timestamp_ms: nowMs, ...fields };
    this.#active.set(id, entry);
    this.#changed([entry]);
    return id;
  }

  clear(id) {
    const entry = this.#active.get(id);
    this.#active.delete(id);
    const nowMs = Date.now();
    this.#past.unshift({ ...entry, cleared_ms: nowMs, timestamp_ms: nowMs });
    this.#tell({ ...this.#counts(), cleared: [id], hosts: this.#hosts([entry]) });
  }

  /** Answers a request under /api/v1: a status and a body. */
  answer(method, path, parameters, body) {
    const acknowledged = /^alerts\/([^/]+)\/acknowledgement$/.exec(path)?.[1];
    const ended = /^silences\/([^/]+)$/.exec(path)?.[1];
    if (method === 'GET' && path === 'alerts') return [200, this.#page(parameters)];
    if (method === 'GET' && path === 'silences') {
      return [200, { silences: [...this.#silences.values()] }];
    }
    if (method === 'POST' && acknowledged !== undefined) {
      return this.#acknowledge(decodeURIComponent(acknowledged), body);
    }
    if (method === 'POST' && path === 'silences') return this.#silence(body);
    if (method === 'DELETE' && ended !== undefined) return this.#end(decodeURIComponent(ended));
    return [404, { error: 'no such page' }];
  }

  #made(fleet, i, sinceMs) {
    this.#next += 1;
    return {
      id: `episode${this.#next}`,
      host: fleet[i % fleet.length].name,
      ...CONDITIONS[i % CONDITIONS.length],
      since_ms: sinceMs,
      timestamp_ms: sinceMs + 30_000,
    };
  }

  #counts() {
    const nowMs = Date.now();
    const isOpen = (entry) => !entry.acknowledged && !(entry.silenced_until_ms > nowMs);
    const count = [...this.#active.values()].filter(isOpen).length;
    return { status: this.#status, count, total: this.#active.size };
  }

  /** How many are active of the hosts of these. */
  #hosts(entries) {
    const active = [...this.#active.values()];
    const hosts = new Set(entries.map(({ host }) => host));
    return [...hosts].map((host) => [host, active.filter((one) => one.host === host).length]);
  }

  /** What becomes of them: `on`, or `lagging` and `halted` with more. */
  become(status) {
    this.#status = status;
    this.#tell(this.#counts());
  }

  #newestFirst() {
    return [...this.#active.values()].sort((a, b) => b.since_ms - a.since_ms);
  }

  #changed(entries) {
    for (const entry of entries) this.#active.set(entry.id, entry);
    this.#tell({ ...this.#counts(), changed: entries, hosts: this.#hosts(entries) });
  }

  #page(parameters) {
    const get = (name) => parameters.get(name) ?? undefined;
    const limit = Number(get('limit') ?? 100);
    const [from, to] = [Number(get('from') ?? 0), Number(get('to') ?? Infinity)];
    const lists = { active: [this.#newestFirst()], cleared: [this.#past] };
    const list = (lists[get('state') ?? 'all'] ?? [this.#newestFirst(), this.#past]).flat();
    const fits = list.filter(
      (entry) =>
        ['host', 'resource', 'kind'].every((name) =>
          [undefined, entry[name]].includes(get(name)),
        ) &&
        entry.since_ms < to &&
        (entry.cleared_ms ?? Infinity) >= from,
    );
    const start = Number(get('before') ?? 0);
    const next = start + limit < fits.length ? { next: String(start + limit) } : {};
    return { alerts: fits.slice(start, start + limit), ...next };
  }

  #acknowledge(id, { by, note }) {
    const entry = this.#active.get(id);
    if (entry === undefined) return [404, { error: `no alert has the id ${id}` }];
    if (!isName(by)) return [400, { error: '"by" must be 1 to 64 characters' }];
    const acknowledged = { by, at_ms: Date.now(), ...(note && { note }) };
    const changed = { ...entry, acknowledged };
    this.#changed([changed]);
    return [200, changed];
  }

  #silence({ host, resource, kind, for_ms, by, reason }) {
    if (!isName(by)) return [400, { error: '"by" must be 1 to 64 characters' }];
    if (!(for_ms > 0 && for_ms <= LONGEST_SILENCE_MS)) {
      return [400, { error: '"for_ms" must be at most 30 days' }];
    }
    this.#next += 1;
    const from = Date.now();
    const silence = {
      ...{ id: `silence${this.#next}`, host },
      ...(resource && { resource }),
      ...(kind && { kind }),
      ...{ from_ms: from, until_ms: from + for_ms, by },
      ...(reason && { reason }),
    };
    this.#silences.set(silence.id, silence);
    this.#resilence(host);
    return [201, silence];
  }

  #end(id) {
    const silence = this.#silences.get(id);
    if (silence === undefined) return [404, { error: `no silence has the id ${id}` }];
    this.#silences.delete(id);
    this.#resilence(silence.host);
    return [204, undefined];
  }

  /** What is silenced of a host, told anew. */
  #resilence(host) {
    const changed = this.#newestFirst().filter((entry) => entry.host === host);
    const entries = changed.map((before) => {
      const entry = { ...before };
      delete entry.silenced_until_ms;
      const until = [...this.#silences.values()]
        .filter(
          (one) =>
            one.host === host &&
            [undefined, entry.kind].includes(one.kind) &&
            [undefined, entry.resource].includes(one.resource),
        )
        .map((one) => one.until_ms);
      return until.length === 0 ? entry : { ...entry, silenced_until_ms: Math.max(...until) };
    });
    // Nobody is told of a host without an alert.
    if (entries.length > 0) this.#changed(entries);
  }
}

function isName(by) {
  return typeof by === 'string' && by.length >= 1 && by.length <= 64;
}
