/**
 * The programs of this workspace, each a process of its own that is ended by its id.
 *
 * RESOURCES_BIN names `resources` (../target/debug/resources); the others lie beside it.
 */

import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { dirname, resolve as resolvePath } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const RESOURCES = process.env.RESOURCES_BIN ?? here('../../target/debug/resources');
const DIST = here('../dist');

/** Long, because it is only reached when something is wrong; a busy machine must not fail a test. */
export const PATIENCE_MS = 90_000;

/** How much of what a program says is kept to be told when it fails. */
const COMPLAINTS_KEPT = 4_000;

/** Ended with this process, however it ends. */
const running = new Set();
process.on('exit', () => {
  for (const program of running) program.kill();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => process.exit(1));
}

/** A running program. */
export class Program {
  #child;
  #name;
  #complaints = '';
  #ended;

  /** Starts one of this workspace by its name, or any other by its path. */
  constructor(name, args, environment = {}) {
    this.#name = name;
    const path = resolvePath(dirname(RESOURCES), name);
    try {
      accessSync(path, constants.X_OK);
    } catch {
      throw new Error(`${path} is not there: run "cargo build --workspace", or set RESOURCES_BIN.`);
    }
    const env = { ...withoutSettings(), ...environment };
    this.#child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.#child.stderr.on('data', (data) => {
      this.#complaints = (this.#complaints + data).slice(-COMPLAINTS_KEPT);
    });
    // Read or not, it must not wait for a reader.
    this.#child.stdout.resume();
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve(code ?? signal));
      this.#child.once('error', (error) => resolve(error.message));
    });
    running.add(this);
  }

  /** Resolves with the first match of `pattern` in a line of `stream`; rejects when it ends before. */
  says(pattern, stream = 'stdout') {
    return new Promise((resolve, reject) => {
      const fail = (why) =>
        reject(new Error(`${this.#name} ${why}; it said:\n${this.#complaints}`));
      const tooLate = setTimeout(() => fail(`never said ${pattern}`), PATIENCE_MS);
      createInterface({ input: this.#child[stream] }).on('line', (line) => {
        const match = pattern.exec(line);
        if (!match) return;
        clearTimeout(tooLate);
        resolve(match);
      });
      void this.#ended.then((how) => {
        clearTimeout(tooLate);
        fail(`ended with ${how}`);
      });
    });
  }

  /** The last of what it said on standard error. */
  get complaints() {
    return this.#complaints;
  }

  get hasEnded() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  kill(signal = 'SIGKILL') {
    this.#child.kill(signal);
  }

  /** Keeps it from doing anything, its connections open, until `thaw`. */
  freeze() {
    this.kill('SIGSTOP');
  }

  thaw() {
    this.kill('SIGCONT');
  }

  /** As sudden as a power cut; resolves when it is gone. */
  async stop() {
    this.kill();
    await this.#ended;
    running.delete(this);
  }

  /** Resolves when it ended by itself, and well. */
  async done() {
    const how = await this.#ended;
    running.delete(this);
    if (how !== 0)
      throw new Error(`${this.#name} ended with ${how}; it said:\n${this.#complaints}`);
  }
}

/** Settings in the environment apply to every program, and none of the caller's do. */
function withoutSettings() {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('RESOURCES_'));
  return Object.fromEntries(others);
}

/** A program that serves the page. `listen` of one that was stopped leads to the same address. */
async function serving(program, pattern, stream) {
  const [address] = await program.says(pattern, stream);
  program.url = address;
  program.listen = new URL(address).host;
  return program;
}

const ADDRESS = /http:\/\/[^\s"]+\//;

/** Everything in one process: this machine, or as many simulated hosts as are asked for. */
export function startAll({ listen = '127.0.0.1:0', hosts, args = [] } = {}) {
  const fleet = hosts === undefined ? [] : ['--simulate-hosts', String(hosts)];
  const program = new Program('resources', [
    ...['up', '--listen', listen, '--page-dir', DIST],
    ...fleet,
    ...args,
  ]);
  return serving(program, ADDRESS, 'stdout');
}

/** The web server alone. */
export function startWeb(brokerUrl, { listen = '127.0.0.1:0', args = [] } = {}) {
  const program = new Program('resources-web', [
    ...['--broker-url', brokerUrl, '--listen', listen, '--page-dir', DIST],
    ...['--history', 'memory', '--log', 'info'],
    ...args,
  ]);
  return serving(program, ADDRESS, 'stderr');
}

export function startAnalyzer(brokerUrl, args = []) {
  return new Program('resources-analyzer', ['--broker-url', brokerUrl, '--log', 'warn', ...args]);
}

/** Hosts called `prefix` and a number from 0001. */
export function startSimulation(brokerUrl, { hosts, prefix = 'sim-', args = [] }) {
  return new Program('resources', [
    ...['simulate', '--broker-url', brokerUrl, '--hosts', String(hosts), '--name-prefix', prefix],
    ...args,
  ]);
}

/** Publishes one measure of `host`, taken at a time that may be long ago. */
export async function sendMeasure(brokerUrl, host, measure) {
  await send(brokerUrl, `${host}.measure`, measure);
}

/** Publishes one alert, as an observer would. */
export async function sendAlert(brokerUrl, alert) {
  await send(brokerUrl, `${alert.host}.alert`, alert);
}

async function send(brokerUrl, key, message) {
  const body = JSON.stringify(message);
  await new Program('resources', ['send', '--broker-url', brokerUrl, key, body]).done();
}
