/** Facts about a host that hardly change. */
export type System = {
  os?: string;
  kernel?: string;
  cpu_model?: string;
  cores?: number;
  tracker_version?: string;
};
