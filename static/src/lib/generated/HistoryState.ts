export type HistoryState = 'off' | 'on' | 'lagging';
