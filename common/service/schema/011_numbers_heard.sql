-- What was taken in of each type that this service hears, by the numbers of its producer (docs/adr/0010): so it knows what it
-- should have got and has not.
CREATE TABLE number_heard (
    type    TEXT    NOT NULL PRIMARY KEY,                          -- eventType
    store   TEXT,                                                  -- UUID of the producer's store; NULL: it has not said
    through INTEGER NOT NULL CHECK (through >= 0),                 -- every number up to here was taken in, or is not looked for
    above   TEXT,                                                  -- ranges above it that were, 7-9,12-12; NULL: none
    told    INTEGER NOT NULL CHECK (told >= 0)                     -- the last number that the producer has said to be published
) STRICT, WITHOUT ROWID;

-- A store that was made when there were numbers looks for everything that it can still get. One that had a life before, or
-- has taken over a queue, begins where it stands.
CREATE TABLE numbers_begin (
    id         INTEGER PRIMARY KEY CHECK (id = 1),                 -- there is one row
    from_first INTEGER NOT NULL CHECK (from_first IN (0, 1))       -- 1: a type that is not known begins at the first number that can be had
) STRICT;
INSERT INTO numbers_begin (id, from_first)
SELECT 1, NOT EXISTS (SELECT 1 FROM inbox) AND NOT EXISTS (SELECT 1 FROM held) AND NOT EXISTS (SELECT 1 FROM event_log);

-- A row that is published again because somebody has missed the event itself asks nobody for an answer.
ALTER TABLE outbox_again ADD COLUMN republished INTEGER NOT NULL DEFAULT 0 CHECK (republished IN (0, 1));
