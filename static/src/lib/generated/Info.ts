/** What is known of a host beside its figures; told when it changes. */
export type Info = {
  host: string;
  interval_ms?: number;
  labels?: { [key in string]: string };
  memory_total_bytes?: number;
  booted_ms?: number;
  causes?: Array<string>;
  late_samples?: number;
  late_ms?: number;
  dropped_samples?: number;
};
