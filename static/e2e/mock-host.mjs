/** One host of the mock server: wanders around a load of its own. */

const INTERVAL_MS = 1_000;
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

/** 0 LOW, 1 MEDIUM, 2 HIGH. */
function levelOf(percentage, [medium, high]) {
  return percentage >= high ? 2 : percentage >= medium ? 1 : 0;
}

const LEVELS = ['LOW', 'MEDIUM', 'HIGH'];

/** Memory and disks are meant to be used: their thresholds lie higher. */
const THRESHOLDS = { cpu: [25, 75], memory: [60, 90], swap: [40, 80], disk: [70, 90] };

export class SimulatedHost {
  constructor(index, nowMs) {
    const random = randomFrom(index);
    this.index = index;
    this.random = random;
    this.role = ROLES[index % ROLES.length];
    this.place = PLACES[Math.floor(index / ROLES.length) % PLACES.length];
    this.name = `${this.role}-${1 + Math.floor(index / ROLES.length)}.${this.place}.example.com`;
    this.typical = random() ** 3.4 * 92 + 2;
    this.cpu = this.typical;
    this.totalBytes = [2, 4, 8, 16, 32, 64, 128, 512][Math.floor(random() * 8)] * GIB * 0.97;
    this.memory = 8 + random() ** 1.5 * 60;
    this.swap = random() < 0.5 ? null : random() ** 4 * 90;
    this.disk = random() ** 3 * 97;
    this.received = random() ** 6 * 120e6;
    this.temperature = random() < 0.6 ? 38 + random() * 20 : null;
    this.cores = [2, 4, 8, 16][Math.floor(random() * 4)];
    this.bootedMs = Math.round(nowMs - random() ** 3 * 200 * 86_400_000);
    this.load = this.cpu / 20;
    this.sequence = 0;
    /** A few hosts say little, one has a gap, one has fallen silent, as in life. */
    this.terse = index % 23 === 11;
    this.silent = index % 97 === 13;
    /** One sends what it could not send before. */
    this.backFilling = index % 41 === 3;
    this.points = [];
    this.told = {};
    const gapAt = index % 9 === 4 ? 40 + Math.floor(random() * 40) : Infinity;
    const known = index % 31 === 5 ? 12 : POINTS_KEPT;
    for (let i = known; i > 0; i -= 1) {
      // Its next sample is then due exactly when its turn comes.
      const turnMs = ((index % 10) + 1) * (INTERVAL_MS / 10);
      const timestampMs = nowMs - i * INTERVAL_MS + turnMs - (this.silent ? 95_000 : 0);
      this.step(timestampMs);
      if (i > gapAt && i < gapAt + 12) this.points.pop();
    }
    this.changedRow();
    this.infoChanged();
  }

  step(timestampMs) {
    const { random } = this;
    const pull = (this.typical - this.cpu) * 0.06;
    const jump = random() < 0.015 ? (random() - 0.3) * 55 : 0;
    this.cpu = Math.min(100, Math.max(0.2, this.cpu + pull + jump + (random() - 0.5) * 7));
    this.load += (this.cpu / 20 - this.load) * 0.05;
    this.memory = Math.min(98, Math.max(3, this.memory + (random() - 0.5)));
    this.received = Math.max(200, this.received * (1 + (random() - 0.5) / 8));
    if (this.temperature !== null) this.temperature = 38 + this.cpu / 3;
    this.timestampMs = timestampMs;
    this.sequence += 1;
    this.points.push([timestampMs, Math.round(this.cpu * 10)]);
    if (this.points.length > POINTS_KEPT) this.points.shift();
  }

  /** Figures by bit, as they are on the wire; `undefined` where there is none. */
  figures() {
    const levels = this.levels();
    const all = {
      2: levels.host,
      3: Math.round(this.cpu * 10),
      11: levels.cpu,
    };
    if (this.terse) return all;
    return {
      ...all,
      4: Math.round(this.memory * 10),
      ...(this.swap !== null && { 5: Math.round(this.swap * 10), 13: levels.swap }),
      6: Math.round(this.disk * 10),
      7: Math.round(this.load * 100),
      8: Math.round(this.received),
      9: Math.round(this.received / 3),
      ...(this.temperature !== null && { 10: Math.round(this.temperature) }),
      12: levels.memory,
      14: levels.disk,
    };
  }

  levels() {
    const cpu = levelOf(this.cpu, THRESHOLDS.cpu);
    if (this.terse) return { host: cpu, cpu };
    const memory = levelOf(this.memory, THRESHOLDS.memory);
    const disk = levelOf(this.disk, THRESHOLDS.disk);
    const swap = this.swap === null ? 0 : levelOf(this.swap, THRESHOLDS.swap);
    return { host: Math.max(cpu, memory, disk, swap), cpu, memory, disk, swap };
  }

  info() {
    const levels = this.levels();
    const names = { memory: 'memory', swap: 'swap', disk: 'disk:/' };
    const causes = Object.entries(names)
      .filter(([key]) => levels.host > 0 && levels.cpu < levels.host && levels[key] === levels.host)
      .map(([, name]) => name);
    return {
      host: this.name,
      ...(!this.terse && {
        interval_ms: INTERVAL_MS,
        labels: { role: this.role, place: this.place },
        memory_total_bytes: Math.round(this.totalBytes),
        booted_ms: this.bootedMs,
      }),
      ...(causes.length > 0 && { causes }),
      ...(this.backFilling && { late_samples: this.sequence * 10, late_ms: this.timestampMs }),
    };
  }

  infoChanged() {
    const text = JSON.stringify(this.info());
    const changed = text !== this.infoTold;
    this.infoTold = text;
    return changed;
  }

  /** Everything, for a snapshot. */
  wholeRow(nowMs) {
    const delayMs = nowMs - this.timestampMs - 3;
    const figures = Object.entries(this.figures());
    const bits = [0, ...(delayMs > 150 ? [1] : []), ...figures.map(([bit]) => Number(bit))];
    return [
      this.index,
      bits.reduce((mask, bit) => mask | (1 << bit), 0),
      this.timestampMs,
      ...(delayMs > 150 ? [delayMs] : []),
      ...figures.map(([, value]) => value),
    ];
  }

  /** What changed since the row told before. */
  changedRow() {
    const now = this.figures();
    const before = this.told;
    const stepMs = this.timestampMs - before.timestampMs;
    const row = [];
    let mask = 0;
    if (stepMs !== INTERVAL_MS) {
      mask |= 1;
      row.push(stepMs);
    }
    for (const [bit, value] of Object.entries(now)) {
      if (value === before.figures?.[bit]) continue;
      mask |= 1 << bit;
      row.push(value);
    }
    this.told = { timestampMs: this.timestampMs, figures: now };
    return [this.index, mask, ...row];
  }

  /** `[timestamp_ms, cpu_tenths, step_ms, cpu_tenths, …]` */
  pointList() {
    let beforeMs = 0;
    return this.points.flatMap(([timestampMs, tenths]) => {
      const stepMs = timestampMs - beforeMs;
      beforeMs = timestampMs;
      return [stepMs, tenths];
    });
  }

  detail() {
    const levels = this.levels();
    const round = (value, digits = 2) => Number(value.toFixed(digits));
    const resource = (name, percentage, level) => ({
      name,
      percentage: round(percentage),
      level: LEVELS[level],
    });
    const cpu = round(this.cpu);
    const common = {
      cpu_result: LEVELS[levels.cpu],
      level: LEVELS[levels.host],
      host: this.name,
      timestamp_ms: this.timestampMs,
      cpu_percentage: cpu,
    };
    const told = {
      host: this.name,
      received_ms: this.timestampMs + 3,
      clock_offset_ms: -3,
      late_samples: this.backFilling ? this.sequence * 10 : 0,
      dropped_samples: 0,
    };
    if (this.terse) {
      return { ...told, analysis: { ...common, resources: [resource('cpu', cpu, levels.cpu)] } };
    }
    const diskBytes = 100 * GIB;
    return {
      ...told,
      analysis: {
        ...common,
        resources: [
          resource('cpu', cpu, levels.cpu),
          resource('memory', this.memory, levels.memory),
          ...(this.swap === null ? [] : [resource('swap', this.swap, levels.swap)]),
          resource('disk:/', this.disk, levels.disk),
          resource('disk:/var', this.disk / 2, 0),
        ],
        run: '5d0c4b1e',
        sequence: this.sequence,
        interval_ms: INTERVAL_MS,
        cores_percentage: Array.from({ length: this.cores }, (_, i) =>
          round(Math.min(100, this.cpu * (0.6 + ((i * 7) % 5) / 5))),
        ),
        load_average: [round(this.load), round(this.load * 0.9), round(this.load * 0.8)],
        memory: {
          total_bytes: Math.round(this.totalBytes),
          used_bytes: Math.round((this.totalBytes * this.memory) / 100),
        },
        ...(this.swap !== null && {
          swap: { total_bytes: 2 * GIB, used_bytes: Math.round((2 * GIB * this.swap) / 100) },
        }),
        disks: ['/', '/var'].map((mount_point, i) => ({
          mount_point,
          total_bytes: diskBytes,
          used_bytes: Math.round((diskBytes * this.disk) / 100 / (i + 1)),
        })),
        // One between networks has several of everything.
        networks: (this.role === 'edge' ? ['eth0', 'eth1'] : ['eth0']).map((name) => ({
          interface: name,
          received_bytes_per_second: round(this.received),
          transmitted_bytes_per_second: round(this.received / 3),
        })),
        ...(this.temperature !== null && {
          temperatures: Array.from({ length: this.role === 'edge' ? 3 : 1 }, (_, i) => ({
            label: `Package id ${i}`,
            celsius: round(this.temperature + 3 * i, 1),
          })),
        }),
        uptime_seconds: Math.round((this.timestampMs - this.bootedMs) / 1_000),
        processes: [
          { pid: 4211, name: 'postgres', cpu_percentage: round(cpu * 0.6), memory_bytes: GIB },
          { pid: 812, name: 'nginx', cpu_percentage: round(cpu * 0.2), memory_bytes: GIB / 8 },
        ],
      },
      system: {
        os: 'Debian GNU/Linux 13',
        kernel: '6.12.57',
        cpu_model: 'AMD EPYC 7763',
        cores: this.cores,
        tracker_version: '0.1.0',
      },
      labels: { role: this.role, place: this.place },
      thresholds: Object.entries(THRESHOLDS).map(([name, [medium, high]]) => ({
        resource: name === 'disk' ? 'disk:/' : name,
        medium,
        high,
      })),
    };
  }
}
