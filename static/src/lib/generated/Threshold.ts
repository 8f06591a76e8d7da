/** From which percentage on a resource is at a level. */
export type Threshold = { resource: string; medium: number; high: number };
