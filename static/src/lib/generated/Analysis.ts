import type { Level } from './Level';
import type { Resource } from './Resource';

/** One analysis as it came over the bus; docs/contract.md has every field. */
export type Analysis = {
  cpu_result: Level;
  level: Level;
  resources: Array<Resource>;
  host: string;
  run?: string;
  sequence?: number;
  timestamp_ms: number;
  interval_ms?: number;
  dropped?: number;
  cpu_percentage: number;
  cores_percentage?: Array<number>;
  load_average?: [number, number, number];
  memory?: { total_bytes: number; used_bytes: number };
  swap?: { total_bytes: number; used_bytes: number };
  disks?: Array<{ mount_point: string; total_bytes: number; used_bytes: number }>;
  networks?: Array<{
    interface: string;
    received_bytes_per_second: number;
    transmitted_bytes_per_second: number;
  }>;
  temperatures?: Array<{ label: string; celsius: number }>;
  uptime_seconds?: number;
  processes?: Array<{
    pid: number;
    name: string;
    cpu_percentage: number;
    memory_bytes: number;
  }>;
};
