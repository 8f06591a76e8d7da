-- Alerts: one row for each episode, as far as it is known, and what people said to them.
-- Times are milliseconds since the Unix epoch, UTC.

CREATE TABLE alert (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    resource TEXT,
    kind TEXT NOT NULL,
    level TEXT,
    percentage REAL,
    since_ms INTEGER NOT NULL,
    timestamp_ms INTEGER NOT NULL,  -- of its last message
    cleared_ms INTEGER,             -- absent while it is active
    repeats INTEGER,
    acknowledged_by TEXT,
    acknowledged_ms INTEGER,
    acknowledged_note TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_by_time ON alert (cleared_ms, id);
CREATE INDEX alert_by_host ON alert (host, cleared_ms, id);

-- What is not told of, each with the earliest end it was told to have; kept a day longer.
CREATE TABLE silence (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    resource TEXT,
    kind TEXT,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    reason TEXT,
    timestamp_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last message of the stream of alerts that is in both; at most one row.
CREATE TABLE alert_position (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    stream_offset INTEGER NOT NULL,
    fingerprint INTEGER NOT NULL
) STRICT;
