import { readdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { SCRIPT_LIMIT_BYTES, scriptBytes } from './script-size.js';

/** Where `npm run dev` finds the API: any running server, or the mock one. */
const apiHost = process.env.API_HOST ?? 'http://127.0.0.1:8888';

/**
 * Empties the output folder before a build, but for its ignore file: that file is what keeps the
 * folder in git, so that the server builds without node, and Vite's own clean-up would delete it.
 */
function emptyOutputButIgnoreFile(): Plugin {
  let folder = '';
  return {
    name: 'empty-output-but-ignore-file',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    async buildStart() {
      const names = await readdir(folder).catch(() => []);
      const old = names.filter((name) => name !== '.gitignore');
      await Promise.all(old.map((name) => rm(resolve(folder, name), { recursive: true })));
    },
  };
}

/** Fails a build whose scripts take more than the page may: nobody waits for what they do not need. */
function keepScriptsSmall(): Plugin {
  let folder = '';
  return {
    name: 'keep-scripts-small',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    async closeBundle() {
      const bytes = await scriptBytes(folder);
      const kibibytes = (count: number) => `${(count / 1024).toFixed(1)} KiB`;
      const said = `all scripts take ${kibibytes(bytes)} gzipped`;
      if (bytes > SCRIPT_LIMIT_BYTES) {
        this.error(`${said}; the page may take ${kibibytes(SCRIPT_LIMIT_BYTES)}`);
      }
      this.info(said);
    },
  };
}

/** The first script to run, which waits for none of the others. */
const START = resolve(import.meta.dirname, 'src/start.ts');

/** Has the page fetch and run the script with `START` before all others. */
function startFirst(): Plugin {
  return {
    name: 'start-first',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler(_html, { bundle }) {
        const start = Object.values(bundle ?? {}).find(
          (one) => one.type === 'chunk' && one.moduleIds.includes(START),
        );
        if (start === undefined) throw new Error(`no script has ${START}`);
        const attrs = { type: 'module', crossorigin: true, src: `./${start.fileName}` };
        return [{ tag: 'script', attrs, injectTo: 'head-prepend' }];
      },
    },
  };
}

/** Ways of uPlot to draw a line other than from point to point, which no chart of this page uses. */
const UNUSED_PATHS = [
  '(paths.stepped = stepped);',
  '(paths.bars    = bars);',
  '(paths.spline  = monotoneCubic);',
];

/**
 * Leaves unused code of uPlot out: it hangs on an object, so that no bundler can tell. A uPlot that
 * reads otherwise than expected fails the build.
 */
function leaveOutUnusedPaths(): Plugin {
  let isLeftOut = false;
  return {
    name: 'leave-out-unused-paths',
    apply: 'build',
    transform: {
      filter: { id: /\/uplot\/dist\/uPlot\.esm\.js$/ },
      handler(code) {
        for (const line of UNUSED_PATHS) {
          if (code.split(line).length !== 2) this.error(`uPlot does not have "${line}" once`);
          code = code.replace(line, '');
        }
        isLeftOut = true;
        return { code, map: null };
      },
    },
    buildEnd(error) {
      if (error === undefined && !isLeftOut) this.error('uPlot is not where it was');
    },
  };
}

export default defineConfig({
  // Relative addresses, so that the same bundle works under any base path behind a proxy.
  base: './',
  plugins: [
    svelte(),
    startFirst(),
    leaveOutUnusedPaths(),
    emptyOutputButIgnoreFile(),
    keepScriptsSmall(),
  ],
  build: {
    target: 'es2022',
    emptyOutDir: false,
    // The polyfill would be needless code, and inlined assets would need a wider policy.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // What several views share is one script: many small ones compress badly.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: 'start', test: (id) => id === START, priority: 1 },
            { name: 'shared', minShareCount: 2 },
          ],
        },
      },
    },
  },
  worker: { format: 'es' },
  server: {
    proxy: {
      '/ws': { target: apiHost, ws: true, changeOrigin: true, rewriteWsOrigin: true },
      '/api': apiHost,
      '/healthz': apiHost,
      '/readyz': apiHost,
    },
  },
  // The tests run the same reactive runtime as the browser, not the one for rendering on a server.
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  // Nothing they wait for is real, but a busy machine may be slow to work it out.
  test: { include: ['src/**/*.test.ts'], environment: 'node', testTimeout: 60_000 },
});
