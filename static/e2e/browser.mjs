/** The browser the tests drive: one that is installed, since none is downloaded. */

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { chromium } from 'playwright-core';

/** Flags that keep the browser to the page it is given, and find the name of the documents here. */
const ARGUMENTS = [
  '--host-resolver-rules=MAP dashboard.example.com 127.0.0.1',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

function browserPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const onPath = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => ['chromium', 'chromium-browser'].map((name) => join(folder, name)));
  const found = ['/usr/bin/chromium', ...onPath].find(isExecutable);
  if (found) return found;
  throw new Error(
    'No browser found. Install Chromium (Debian: apt install chromium), or set CHROMIUM to the ' +
      'path of a Chromium or Chrome.',
  );
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts the browser without a window; to be closed by whoever asked for it. */
export async function launchBrowser() {
  return chromium.launch({ executablePath: browserPath(), headless: true, args: ARGUMENTS });
}
