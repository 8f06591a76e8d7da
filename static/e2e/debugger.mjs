/** What the browser's debugger tells of a page: tasks of its threads, time they took, memory. */

/** Longer than a person takes for no delay at all. */
const LONG_MS = 50;

export const round = (value, digits = 1) => Number(value.toFixed(digits));

export class Debugger {
  #browser;
  #session;
  #frame;
  #worker;

  static async attach(browser, page) {
    const tools = new Debugger();
    tools.#browser = browser;
    tools.#session = await page.context().newCDPSession(page);
    // Time a thread had a core: what waiting for one adds belongs to the machine's other work.
    await tools.#session.send('Performance.enable', { timeDomain: 'threadTicks' });
    await tools.#session.send('HeapProfiler.enable');
    tools.#frame = (await tools.#session.send('Page.getFrameTree')).frameTree.frame.id;
    tools.#worker = await WorkerSession.attach(tools.#session);
    return tools;
  }

  /** Seconds of a core the page's main thread has taken. */
  async mainThreadSeconds() {
    const { metrics } = await this.#session.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration').value;
  }

  /** Megabytes of JavaScript's memory in use, of the page and of its worker, rubbish left out. */
  async heapMegabytes() {
    await this.#session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await this.#session.send('Runtime.getHeapUsage');
    return { page: round(usedSize / 1e6, 2), worker: await this.#worker.heapMegabytes() };
  }

  /** Has the browser note every task of every thread until the function given back is called. */
  async traceTasks() {
    const session = await this.#browser.newBrowserCDPSession();
    const events = [];
    session.on('Tracing.dataCollected', ({ value }) => events.push(...value));
    await session.send('Tracing.start', {
      transferMode: 'ReportEvents',
      traceConfig: {
        recordMode: 'recordAsMuchAsPossible',
        includedCategories: ['devtools.timeline', 'disabled-by-default-devtools.timeline'],
      },
    });
    return async () => {
      const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
      await session.send('Tracing.end');
      await complete;
      await session.detach();
      return describe(mainThreadTasks(events, this.#frame));
    };
  }
}

/**
 * Tasks of the main thread of the page's frame: how long each took on the clock, and how much of
 * that the thread had a core. The browser's own interface has renderers too, and the frame had
 * another one before it was led to its address; the page's is the one that did most for it.
 */
function mainThreadTasks(events, frame) {
  const thread = (event) => `${event.pid} ${event.tid}`;
  const done = new Map();
  for (const event of events) {
    if (event.args?.data?.frame !== frame || event.ph !== 'X') continue;
    done.set(thread(event), (done.get(thread(event)) ?? 0) + 1);
  }
  const [[mainThread] = []] = [...done].toSorted(([, one], [, other]) => other - one);
  const tasks = events.filter(
    (event) => event.ph === 'X' && event.name === 'RunTask' && thread(event) === mainThread,
  );
  if (tasks.length === 0) throw new Error('the browser noted no task of the main thread');
  return tasks.map(({ dur, tdur }) => ({ clockMs: dur / 1_000, cpuMs: (tdur ?? dur) / 1_000 }));
}

function describe(tasks) {
  const clock = tasks.map((task) => task.clockMs);
  const cpu = tasks.map((task) => task.cpuMs);
  const longest = (durations) => round(durations.reduce((a, b) => Math.max(a, b), 0));
  const long = (durations) => durations.filter((duration) => duration > LONG_MS).length;
  return {
    tasks: tasks.length,
    over_50_ms: long(clock),
    over_50_ms_of_cpu: long(cpu),
    longest_ms: longest(clock),
    longest_cpu_ms: longest(cpu),
  };
}

/** Playwright has no sessions of workers; the page's session passes messages on to its own. */
class WorkerSession {
  #session;
  #id;
  #calls = 0;

  static async attach(session) {
    const worker = new WorkerSession();
    worker.#session = session;
    session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker') worker.#id = sessionId;
    });
    await session.send('Target.setAutoAttach', {
      autoAttach: true,
      waitForDebuggerOnStart: false,
      flatten: false,
    });
    return worker;
  }

  async heapMegabytes() {
    await this.#call('HeapProfiler.collectGarbage');
    const { usedSize } = await this.#call('Runtime.getHeapUsage');
    return round(usedSize / 1e6, 2);
  }

  #call(method) {
    if (this.#id === undefined) throw new Error('the page has no worker');
    const id = (this.#calls += 1);
    return new Promise((resolve, reject) => {
      const take = ({ sessionId, message }) => {
        const answer = JSON.parse(message);
        if (sessionId !== this.#id || answer.id !== id) return;
        this.#session.off('Target.receivedMessageFromTarget', take);
        if (answer.error) reject(new Error(`${method}: ${answer.error.message}`));
        else resolve(answer.result);
      };
      this.#session.on('Target.receivedMessageFromTarget', take);
      this.#session
        .send('Target.sendMessageToTarget', {
          sessionId: this.#id,
          message: JSON.stringify({ id, method }),
        })
        .catch(reject);
    });
  }
}
