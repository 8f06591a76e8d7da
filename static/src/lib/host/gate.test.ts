import { describe, expect, it } from 'vitest';
import { Gate } from './gate';

/** A task that ends when it is told to. */
function task() {
  let end = () => {
    // Replaced when the task begins.
  };
  let hasBegun = false;
  const run = () =>
    new Promise<void>((resolve) => {
      hasBegun = true;
      end = resolve;
    });
  return {
    run,
    end: () => {
      end();
    },
    hasBegun: () => hasBegun,
  };
}

const signal = () => new AbortController().signal;
const settled = () => new Promise((resolve) => setTimeout(resolve));

describe('a gate', () => {
  it('lets so many run and the next in order', async () => {
    const gate = new Gate(2);
    const tasks = [task(), task(), task(), task()];
    const runs = tasks.map((one) => gate.run(signal(), one.run));
    await settled();
    expect(tasks.map((one) => one.hasBegun())).toEqual([true, true, false, false]);
    tasks[1]?.end();
    await runs[1];
    await settled();
    expect(tasks.map((one) => one.hasBegun())).toEqual([true, true, true, false]);
    for (const i of [0, 2]) tasks[i]?.end();
    await settled();
    tasks[3]?.end();
    await Promise.all(runs);
  });

  it('gives the place of a failed task on', async () => {
    const gate = new Gate(1);
    const failed = gate.run(signal(), () => Promise.reject(new Error('no')));
    const next = gate.run(signal(), () => Promise.resolve(5));
    await expect(failed).rejects.toThrow('no');
    expect(await next).toBe(5);
  });

  it('lets those who wait leave', async () => {
    const gate = new Gate(1);
    const first = task();
    const running = gate.run(signal(), first.run);
    const impatient = new AbortController();
    const second = task();
    const waiting = gate.run(impatient.signal, second.run);
    const third = gate.run(signal(), () => Promise.resolve('third'));
    impatient.abort(new Error('taken back'));
    await expect(waiting).rejects.toThrow('taken back');
    await settled();
    first.end();
    await running;
    expect(await third).toBe('third');
    expect(second.hasBegun()).toBe(false);
  });
});
