-- Which queues this service has noted on the broker: a marker of its own hangs on each (docs/adr/0007). Noted here and
-- gone there: the broker has forgotten the queue, and with it what this service had published into it.
CREATE TABLE queue_noted (
    queue TEXT NOT NULL PRIMARY KEY                                -- name of the queue
) STRICT, WITHOUT ROWID;

-- The part of the log that is said again because queues were lost. At most one row; another loss replaces it.
CREATE TABLE republish (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,                 -- of this loss, never used twice
    after_seq   INTEGER NOT NULL,                                  -- own rows up to here are said, or need not be
    through_seq INTEGER NOT NULL                                   -- the last one
) STRICT;
