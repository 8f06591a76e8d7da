/** What the page and its worker say to each other. */

import type { Batch } from './mirror';
import type { SocketState } from './socket';

export type FromWorker =
  | { readonly kind: 'state'; readonly state: SocketState }
  /** Answer it with `applied`: only then does the next one come. */
  | { readonly kind: 'batch'; readonly batch: Batch }
  /** Something that did not follow the protocol, in one sentence. */
  | { readonly kind: 'problem'; readonly sentence: string };

export type ToWorker =
  | { readonly kind: 'start'; readonly address: string }
  | { readonly kind: 'applied' }
  | { readonly kind: 'nudge' }
  | {
      readonly kind: 'look';
      /** The snapshot whose indices `rows` are. */
      readonly generation: number;
      readonly rows: readonly number[];
      readonly detail: readonly string[];
    };
