-- History: what each host reported, rolled up, and which samples are already in it.
-- Times are Unix seconds or milliseconds, UTC, as the host's clock told them.
-- Values are hundredths, rounded: 37.5 % is 3750. So they are small and exact.

CREATE TABLE host (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- What is measured: cpu, memory, swap, disk:<mount point>, load_1m,
-- network:<interface>:received, network:<interface>:transmitted (bytes a second),
-- temperature:<label> (degrees Celsius).
CREATE TABLE resource (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- One row for each host, resource and bucket with at least one sample; a gap has no row.
CREATE TABLE rollup_10s (
    host_id INTEGER NOT NULL,
    resource_id INTEGER NOT NULL,
    bucket_s INTEGER NOT NULL,  -- start of the bucket
    minimum INTEGER NOT NULL,
    maximum INTEGER NOT NULL,
    total INTEGER NOT NULL,     -- of all samples; the average is total / samples
    samples INTEGER NOT NULL,
    PRIMARY KEY (host_id, resource_id, bucket_s)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollup_1m (
    host_id INTEGER NOT NULL,
    resource_id INTEGER NOT NULL,
    bucket_s INTEGER NOT NULL,
    minimum INTEGER NOT NULL,
    maximum INTEGER NOT NULL,
    total INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    PRIMARY KEY (host_id, resource_id, bucket_s)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollup_1h (
    host_id INTEGER NOT NULL,
    resource_id INTEGER NOT NULL,
    bucket_s INTEGER NOT NULL,
    minimum INTEGER NOT NULL,
    maximum INTEGER NOT NULL,
    total INTEGER NOT NULL,
    samples INTEGER NOT NULL,
    PRIMARY KEY (host_id, resource_id, bucket_s)
) STRICT, WITHOUT ROWID;

-- A run of a tracker, and the sequences of it that are in the roll-ups, as ranges. A sample
-- whose sequence is in a range came before and does not count again.
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    host_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    seen_ms INTEGER NOT NULL,   -- when a sample of it was last taken in, by the server's clock
    UNIQUE (host_id, name)
) STRICT;

CREATE TABLE taken (
    run_id INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,      -- inclusive
    PRIMARY KEY (run_id, first)
) STRICT, WITHOUT ROWID;

-- The last message of the stream that is in all of the above; at most one row.
CREATE TABLE position (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    stream_offset INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL
) STRICT;
