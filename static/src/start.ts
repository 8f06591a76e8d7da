/**
 * The first script to run, before those of the page are read: the worker has a thread to start and
 * code of its own to fetch meanwhile.
 */

export const worker = new Worker(new URL('./lib/worker.ts', import.meta.url), { type: 'module' });

/** Whether it could not be started, or broke off, before anybody listened. */
export let isBroken = false;

worker.onerror = () => {
  isBroken = true;
};
