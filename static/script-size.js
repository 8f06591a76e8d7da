/** How much JavaScript a browser fetches for the page: all of it, as it comes over the wire. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** What the whole page may take, uPlot and Svelte included. */
export const SCRIPT_LIMIT_BYTES = 120 * 1024;

/**
 * Bytes of all scripts in `folder` and below, each compressed with gzip.
 *
 * @param {string} folder
 * @returns {Promise<number>}
 */
export async function scriptBytes(folder) {
  const names = await readdir(folder, { recursive: true });
  const scripts = names.filter((name) => name.endsWith('.js'));
  const sizes = await Promise.all(
    scripts.map(async (name) => gzipSync(await readFile(join(folder, name))).length),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
