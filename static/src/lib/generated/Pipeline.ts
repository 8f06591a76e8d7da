import type { PipelineState } from './PipelineState';

/** What becomes of measures on their way from trackers to the server. */
export type Pipeline = { state: PipelineState; since_ms: number; waiting_measures?: number };
