-- What an older version stored is read from the streams again.
DROP TABLE IF EXISTS fleet;
DROP TABLE IF EXISTS hosts;
DROP TABLE IF EXISTS alerts;

-- The fleet as a whole, one row: how far the stream was judged, and what is known.
CREATE TABLE fleet (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    offset INTEGER,
    fingerprint INTEGER,
    state BLOB NOT NULL
);

-- What is known of each host, as JSON.
CREATE TABLE hosts (
    name TEXT PRIMARY KEY,
    state BLOB NOT NULL
) WITHOUT ROWID;

-- Alerts that the broker has not confirmed, in order. A number is never used again.
CREATE TABLE alerts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    body BLOB NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    trace TEXT,
    -- The id of the episode, when this only reminds of it.
    reminds_of TEXT
);
CREATE INDEX reminders ON alerts (reminds_of) WHERE reminds_of IS NOT NULL;
