/** What somebody wants to do about an alert; about none, any host can be silenced. */

import type { AlertEntry } from './entry';

export interface Wish {
  readonly action: 'acknowledge' | 'silence';
  readonly alert: AlertEntry | undefined;
}
