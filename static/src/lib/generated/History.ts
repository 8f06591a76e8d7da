import type { HistoryState } from './HistoryState';

/** Whether the server keeps what it shows. */
export type History = { state: HistoryState; reason?: string };
