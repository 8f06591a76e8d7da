/** Entry of the worker: only wiring lives here. */

import type { ToWorker } from './protocol';
import { Receiver } from './receiver';

const receiver = new Receiver((message, moved) => {
  self.postMessage(message, { transfer: moved });
});

self.onmessage = (event: MessageEvent<ToWorker>) => {
  receiver.take(event.data);
};
