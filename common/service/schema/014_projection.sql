-- How far each read model with a position of its own has folded the event log. Written in the transaction of its rows.
CREATE TABLE projection (
    name     TEXT    NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL CHECK (position >= 0) -- seq of the last event that is in its tables
) STRICT, WITHOUT ROWID;
