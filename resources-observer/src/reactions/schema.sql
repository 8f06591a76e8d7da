-- How far the stream of alerts was read, and from when on alerts are told. One row.
CREATE TABLE place (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    offset INTEGER,
    fingerprint INTEGER,
    since_ms INTEGER NOT NULL
);

-- Episodes that are raised, or whose end is yet to be told, as JSON.
CREATE TABLE episodes (
    id TEXT PRIMARY KEY,
    state BLOB NOT NULL
) WITHOUT ROWID;

-- The last episodes that were cleared, in order.
CREATE TABLE cleared (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL
);

-- Silences, as JSON.
CREATE TABLE silences (
    id TEXT PRIMARY KEY,
    state BLOB NOT NULL
) WITHOUT ROWID;

-- What each reaction has yet to tell, as JSON.
CREATE TABLE outboxes (
    reaction TEXT PRIMARY KEY,
    state BLOB NOT NULL
) WITHOUT ROWID;
