export type PipelineState = 'flowing' | 'idle' | 'no_analyzer' | 'stalled' | 'unknown';
