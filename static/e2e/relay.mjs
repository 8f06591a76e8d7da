/** A way over the network that a test can cut without anybody being told. */

import { connect, createServer } from 'node:net';

export class Relay {
  #server;
  #pairs = new Set();
  #isCut = false;

  /** Starts to pass on what comes to an address of its own, `url`, to the server at `url` given. */
  static async start(url) {
    const relay = new Relay();
    const { hostname, port, pathname } = new URL(url);
    relay.#server = createServer((near) => relay.#join(near, connect(Number(port), hostname)));
    await new Promise((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    relay.url = `http://127.0.0.1:${relay.#server.address().port}${pathname}`;
    return relay;
  }

  /** From now on nothing comes through, and no end learns of it: as with a cable pulled far away. */
  cut() {
    this.#isCut = true;
    for (const [one, other] of this.#pairs) {
      one.unpipe(other);
      other.unpipe(one);
      one.pause();
      other.pause();
    }
  }

  /** What is opened from now on comes through; what was cut stays dead, as after a long time. */
  mend() {
    this.#isCut = false;
  }

  async stop() {
    for (const [one, other] of this.#pairs) {
      one.destroy();
      other.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near, far) {
    const pair = [near, far];
    this.#pairs.add(pair);
    const part = () => {
      if (this.#isCut) return;
      this.#pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const end of pair) end.on('error', part).on('close', part);
    if (this.#isCut) return;
    near.pipe(far);
    far.pipe(near);
  }
}
