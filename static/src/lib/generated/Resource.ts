import type { Level } from './Level';

/** `cpu`, `memory`, `swap` or `disk:<mount point>`, judged. */
export type Resource = { name: string; percentage: number; level: Level };
