-- What is said again: own rows of the log that somebody has asked for, each published once more with its old eventId.
-- A row is removed when the broker has confirmed it; it never holds up anything new.
CREATE TABLE outbox_again (
    id  INTEGER PRIMARY KEY AUTOINCREMENT,                         -- order of asking, never used twice
    seq INTEGER NOT NULL UNIQUE REFERENCES event_log (seq)         -- the row; asked for again it gets a new id
) STRICT;
