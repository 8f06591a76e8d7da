/**
 * The figures of one host as a row of numbers: how the wire names them and how they travel from the
 * worker to the page. The place of a figure in a row is its bit in the mask of a message.
 */

export const FIGURE = {
  timestampMs: 0,
  receivedMs: 1,
  level: 2,
  cpu: 3,
  memory: 4,
  swap: 5,
  disk: 6,
  load: 7,
  receivedBps: 8,
  transmittedBps: 9,
  temperature: 10,
  cpuLevel: 11,
  memoryLevel: 12,
  swapLevel: 13,
  diskLevel: 14,
  /** As promised; told with the host, not with its figures. */
  promisedIntervalMs: 15,
  /** As seen, for hosts that promise none. */
  seenIntervalMs: 16,
} as const;

export type FigureName = keyof typeof FIGURE;

/** Figures of one host; how far apart two hosts are in a block. */
export const FIGURES = 17;

/** Figures a message can send: all but the intervals. */
export const FIGURES_SENT = 15;

/** What one is divided by to get from whole numbers of the wire to the figure. */
export const DIVISOR: readonly number[] = [1, 1, 1, 10, 10, 10, 10, 100, 1, 1, 1, 1, 1, 1, 1];

/** Interval assumed of a host of which neither a promise nor two samples are known. */
export const DEFAULT_INTERVAL_MS = 1_000;
