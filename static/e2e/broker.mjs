/** A RabbitMQ node of the tests' own: free ports, a temporary folder, gone with the tests. */

import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** The plain scripts. Debian's ones on the PATH change the user and ignore where the data should be. */
const SCRIPT_FOLDERS = ['/usr/lib/rabbitmq/bin', '/opt/rabbitmq/sbin'];

const START_LIMIT_MS = 180_000;

/**
 * Starts the server in a process group of its own, and ends it when standard input closes: when
 * the tests end in whatever way. Arguments: the server, the data folder.
 */
const GUARD = `
trap '' INT TERM HUP
setsid "$1" >"$2/out" 2>&1 </dev/null &
echo $! >"$2/group"
cat >/dev/null
kill -KILL "-$(cat "$2/group")"
rm -rf "$2"
`;

export class Broker {
  #folder = mkdtempSync(join(tmpdir(), 'resources-rabbitmq-'));
  #ports;
  #guard;

  /** Starts a node and waits until it answers. */
  static async start() {
    const broker = new Broker();
    broker.#ports = await freePorts(2);
    const [port] = broker.#ports;
    broker.#write(
      'rabbitmq.conf',
      `listeners.tcp.default = 127.0.0.1:${port}\ndisk_free_limit.absolute = 50MB\n`,
    );
    broker.#write('enabled_plugins', '[].\n');
    broker.#write('env.conf', '');
    await broker.startAgain();
    return broker;
  }

  get url() {
    return this.urlOf('guest', 'guest');
  }

  urlOf(user, password) {
    return `amqp://${user}:${password}@127.0.0.1:${this.#ports[0]}/%2f`;
  }

  /** Ends the node at once, as a power cut would; its data stays. */
  kill() {
    // First the guard, or it would remove the data.
    this.#guard.kill('SIGKILL');
    this.#guard = undefined;
    process.kill(-Number(readFileSync(join(this.#folder, 'group'), 'utf8')), 'SIGKILL');
  }

  /** Starts a killed node on the same data and waits until it answers. */
  async startAgain() {
    const args = ['-c', GUARD, 'guard', script('rabbitmq-server'), this.#folder];
    this.#guard = spawn('sh', args, {
      cwd: this.#folder,
      env: this.#environment(),
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    const deadline = Date.now() + START_LIMIT_MS;
    // No event tells another process that a port is open, so it is tried.
    while (!(await answers(this.#ports[0]))) {
      if (Date.now() > deadline) {
        throw new Error(
          `RabbitMQ did not start: ${readFileSync(join(this.#folder, 'out'), 'utf8')}`,
        );
      }
      await sleep(50);
    }
  }

  /**
   * Makes the node write down the names of the queues declared so far. Older versions do so only
   * about a second after; killed before, a stream does not come back.
   */
  settle() {
    const names = '[dets:sync(maps:get(directory_rev, maps:get(names, ra_system:fetch(S))))';
    this.control('eval', `${names} || S <- [coordination, quorum_queues]].`);
  }

  /** Runs `rabbitmqctl` on the node. */
  control(...words) {
    const args = ['-q', '-n', this.#node(), ...words];
    const done = spawnSync(script('rabbitmqctl'), args, {
      env: this.#environment(),
      encoding: 'utf8',
    });
    if (done.status !== 0) throw new Error(`rabbitmqctl: ${done.stdout}${done.stderr}`);
  }

  /** Ends the node and removes its data. */
  async stop() {
    const guard = this.#guard;
    if (guard === undefined) {
      rmSync(this.#folder, { recursive: true, force: true });
      return;
    }
    const ended = new Promise((resolve) => guard.once('close', resolve));
    guard.stdin.end();
    await ended;
  }

  #node() {
    return `resources-${this.#ports[0]}@localhost`;
  }

  #write(name, text) {
    writeFileSync(join(this.#folder, name), text);
  }

  #environment() {
    const file = (name) => join(this.#folder, name);
    return {
      ...process.env,
      HOME: this.#folder,
      RABBITMQ_NODENAME: this.#node(),
      RABBITMQ_DIST_PORT: String(this.#ports[1]),
      RABBITMQ_MNESIA_BASE: file('data'),
      RABBITMQ_LOG_BASE: file('log'),
      RABBITMQ_CONFIG_FILE: file('rabbitmq.conf'),
      RABBITMQ_CONF_ENV_FILE: file('env.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins'),
      RABBITMQ_PID_FILE: file('pid'),
    };
  }
}

/** Whether a broker, not just a socket, is there: it answers a wrong header with the right one. */
function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('AMQP\0\0\0\0'));
    const settle = (answer) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(5_000, () => settle(false));
    socket.once('data', (data) => settle(data.toString('latin1').startsWith('AMQP')));
    socket.once('error', () => settle(false));
    socket.once('close', () => settle(false));
  });
}

/** All held at once, so that they differ. */
async function freePorts(count) {
  const listeners = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise((resolve, reject) => {
          const server = createServer();
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => resolve(server));
        }),
    ),
  );
  const ports = listeners.map((server) => server.address().port);
  await Promise.all(listeners.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function script(name) {
  const onPath = (process.env.PATH ?? '').split(delimiter);
  const paths = [...SCRIPT_FOLDERS, ...onPath].map((folder) => join(folder, name));
  const found = paths.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found) return found;
  throw new Error(`No ${name} on this machine: install rabbitmq-server (or run "make setup").`);
}
