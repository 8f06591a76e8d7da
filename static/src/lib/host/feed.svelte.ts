/** History of one chart: asked for, asked again when that may help, taken back when outdated. */

import { Backoff } from '../backoff';
import { askHistory, HistoryError, type Answer, type Question } from './history';
import type { Timeline } from './timeline.svelte';

export class Feed {
  readonly #timeline: Timeline;
  readonly #chartId: string;

  /** What was answered last; stays until the next answer, so that nothing flickers. */
  answer: Answer | undefined = $state.raw();
  isLoading = $state(false);

  constructor(timeline: Timeline, chartId: string) {
    this.#timeline = timeline;
    this.#chartId = chartId;
  }

  /** Asks, until there is an answer or no hope of one; the function it gives takes that back. */
  ask(question: Question): () => void {
    const controller = new AbortController();
    void this.#ask(question, controller.signal);
    return () => {
      controller.abort();
      this.#timeline.troubles.delete(this.#chartId);
    };
  }

  async #ask(question: Question, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff();
    this.isLoading = true;
    while (!wasTakenBack(signal)) {
      try {
        const answer = await this.#timeline.gate.run(signal, () =>
          askHistory(question, signal, document.baseURI, (address, options) =>
            fetch(address, options),
          ),
        );
        if (wasTakenBack(signal)) return;
        this.answer = answer;
        this.#timeline.troubles.delete(this.#chartId);
        break;
      } catch (error) {
        if (wasTakenBack(signal)) return;
        if (!(error instanceof HistoryError)) throw error;
        this.#timeline.troubles.set(this.#chartId, error);
        if (error.trouble !== 'busy' && error.trouble !== 'unreachable') break;
        await wait(backoff.nextMs(), signal);
      }
    }
    if (!wasTakenBack(signal)) this.isLoading = false;
  }
}

/** Asked anew each time: it changes while something is awaited. */
function wasTakenBack(signal: AbortSignal): boolean {
  return signal.aborted;
}

/** Ends after a time, or when the signal comes. */
function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
