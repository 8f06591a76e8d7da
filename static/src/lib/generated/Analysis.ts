// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.
import type { Disk } from "./Disk";
import type { HostName } from "./HostName";
import type { Labels } from "./Labels";
import type { Level } from "./Level";
import type { Network } from "./Network";
import type { Process } from "./Process";
import type { ResourceLevel } from "./ResourceLevel";
import type { ResourceThresholds } from "./ResourceThresholds";
import type { System } from "./System";
import type { Temperature } from "./Temperature";
import type { Usage } from "./Usage";

/**
 * One measure with its levels, as an analyzer publishes it to `<host>.analysis`.
 *
 * Carries every figure of the measure on, so that whoever shows or judges a host needs to
 * listen to `#.analysis` only.
 */
export type Analysis = { 
/**
 * Level of the CPU.
 */
cpu_result: Level, 
/**
 * The highest level of all resources.
 */
level: Level, 
/**
 * Each resource with its level: `cpu`, `memory`, `swap`, `disk:<mount point>`.
 */
resources?: Array<ResourceLevel>, 
/**
 * The thresholds by which they have their levels; with `system` only.
 */
thresholds?: Array<ResourceThresholds>, 
/**
 * The host read.
 */
host: HostName, 
/**
 * The tracker's run; see [`Measure::run`](super::Measure::run).
 */
run?: string, 
/**
 * Number of the sample in its run.
 */
sequence?: number, 
/**
 * When the host was read, by its own clock: milliseconds since the Unix epoch, UTC.
 */
timestamp_ms: number, 
/**
 * Time between samples that the tracker promises, in milliseconds.
 */
interval_ms?: number, 
/**
 * Samples its tracker had to drop; see [`Measure::dropped`](super::Measure::dropped).
 */
dropped?: number, 
/**
 * Whether its tracker stops; see [`Measure::stopping`](super::Measure::stopping).
 */
stopping?: boolean, 
/**
 * CPU in use, all cores together, 0–100.
 */
cpu_percentage: number, 
/**
 * The same for each core, 0–100.
 */
cores_percentage?: Array<number>, 
/**
 * Load average over 1, 5 and 15 minutes.
 */
load_average?: [number, number, number], 
/**
 * Main memory.
 */
memory?: Usage, 
/**
 * Swap.
 */
swap?: Usage, 
/**
 * Mounted file systems.
 */
disks?: Array<Disk>, 
/**
 * Network interfaces.
 */
networks?: Array<Network>, 
/**
 * Temperature sensors.
 */
temperatures?: Array<Temperature>, 
/**
 * Time since the host started, in seconds.
 */
uptime_seconds?: number, 
/**
 * The few processes that use most CPU.
 */
processes?: Array<Process>, 
/**
 * What hardly ever changes.
 */
system?: System, 
/**
 * All labels of the host; with `system` only, see [`Measure::labels`](super::Measure::labels).
 */
labels?: Labels, };
