/** The proxies that `deploy/` has configurations for, each before a server of the tests. */

import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PATIENCE_MS, Program } from './programs.mjs';

/** What the world calls the server, in the configurations; the browser finds it on this machine. */
export const NAME = 'dashboard.example.com';

/** Whom the proxies of the tests know. */
export const ANNA = { username: 'anna', password: 'secret' };

/** A quick hash of that password, of 16 rounds. */
const ANNAS_HASH = '$2b$04$oy3YB7F5O/dCFQ9KP1pu9O/k0PpFFrlci883AZ8D0VrBzxYMFkPra';

/** How many ports a proxy tries: another program may be quicker to take one. */
const ATTEMPTS = 3;

/**
 * What the tests make of nginx's read timeout: above the 5 s after which the server says something
 * on a quiet connection, also where the machine stalls for as long again.
 */
export const READ_TIMEOUT_MS = 15_000;

const deployed = (name) =>
  readFileSync(fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url)), 'utf8');

const PROXIES = {
  nginx: {
    args: ['-e', 'stderr', '-c'],
    configuration(port, folder, to) {
      const users = join(folder, 'users');
      writeFileSync(users, `${ANNA.username}:{PLAIN}${ANNA.password}\n`);
      let site = deployed('nginx.conf').replace(/^ *ssl_certificate.*\n/gm, '');
      site = replaced(site, 'listen 443 ssl;', `listen 127.0.0.1:${port};`);
      site = replaced(site, '/etc/nginx/resources-users', users);
      site = replaced(site, '127.0.0.1:8888', to);
      site = replaced(site, 'proxy_read_timeout 1m;', `proxy_read_timeout ${READ_TIMEOUT_MS}ms;`);
      // Without the master nginx works as whoever starts it.
      const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((name) => `${name}_temp_path ${folder}/${name};\n`)
        .join('');
      return (
        `daemon off;\nmaster_process off;\npid ${folder}/pid;\nerror_log stderr;\nevents {}\n` +
        `http {\naccess_log off;\n${folders}${site}}\n`
      );
    },
  },
  caddy: {
    args: ['run', '--adapter', 'caddyfile', '--config'],
    configuration(port, folder, to) {
      const users = join(folder, 'users');
      writeFileSync(users, `${ANNA.username} ${ANNAS_HASH}\n`);
      let site = replaced(
        deployed('Caddyfile'),
        `${NAME} {`,
        `http://${NAME}:${port} {\n\tbind 127.0.0.1`,
      );
      site = replaced(site, '/etc/caddy/resources-users', users);
      site = replaced(site, '127.0.0.1:8888', to);
      return `{\n\tadmin off\n}\n${site}`;
    },
  },
};

/**
 * Where a proxy is. There are systems that have no package of it: `undefined` there. On Debian,
 * which has, and in CI it must be there.
 */
export function installed(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (found !== undefined) return found;
  const isDebian = isReadable('/etc/os-release')
    ? readFileSync('/etc/os-release', 'utf8').split('\n').includes('ID=debian')
    : false;
  if (isDebian || process.env.CI !== undefined) {
    throw new Error(`no ${name} on this machine: run "make setup", or install it`);
  }
  return undefined;
}

/** Starts a proxy before the server at `listen`, `host:port`; its `url` is by the world's name. */
export async function startProxy(name, listen) {
  const { args, configuration } = PROXIES[name];
  let complaints = '';
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const folder = mkdtempSync(join(tmpdir(), `resources-${name}-`));
    const port = await freePort();
    const file = join(folder, 'configuration');
    writeFileSync(file, configuration(port, folder, listen));
    const program = new Program(installed(name), [...args, file], { HOME: folder });
    const proxy = {
      url: `http://${NAME}:${port}/monitor/`,
      async stop() {
        await program.stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
    if (await listens(program, port)) return proxy;
    complaints = program.complaints;
    await proxy.stop();
  }
  throw new Error(`${name} ended at once, ${ATTEMPTS} times; it said:\n${complaints}`);
}

/** Whether a program takes connections, or ended. */
async function listens(program, port) {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline && !program.hasEnded) {
    if (await isOpen(port)) return true;
    // No event tells another process that a port is open, so it is tried.
    await sleep(50);
  }
  return false;
}

function isOpen(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** `text` with `from`, which it must hold, replaced by `to`. */
function replaced(text, from, to) {
  if (!text.includes(from)) throw new Error(`${from} is not in ${text}`);
  return text.replaceAll(from, () => to);
}

const isExecutable = (path) => isAccessible(path, constants.X_OK);
const isReadable = (path) => isAccessible(path, constants.R_OK);

function isAccessible(path, mode) {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
