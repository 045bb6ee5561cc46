-- What every service keeps besides its own tables: its log of events, what it has handled, what it has to do later.
-- Times are UTC milliseconds since 1970. Ids are text, as they travel.

-- The events of this service in the order in which they happened: audit trail, event store and outbox in one.
-- Rows are never changed and never removed. The body stands last, so that what is scanned is read without it.
CREATE TABLE event_log (
    seq             INTEGER PRIMARY KEY,                           -- 1.. over the whole log
    origin          INTEGER NOT NULL CHECK (origin IN (0, 1)),     -- 1: said here, to be published; 0: a foreign event, taken in
    subject_version INTEGER NOT NULL CHECK (subject_version > 0),  -- 1..n in the stream of its subject, no gaps
    logged_at_ms    INTEGER NOT NULL,                              -- when the row was written
    event_id        TEXT    NOT NULL,                              -- eventId of the envelope
    type            TEXT    NOT NULL,                              -- eventType
    subject         TEXT    NOT NULL,                              -- what it is about: an order, a product
    correlation_id  TEXT    NOT NULL,                              -- the conversation that it belongs to
    causation_id    TEXT,                                          -- eventId of what caused it; NULL on the first
    traceparent     TEXT,                                          -- W3C trace context that it is published with
    body            TEXT    NOT NULL                               -- the envelope as it was published or came in
) STRICT;
-- A subject's stream in order; two writers of the same version cannot both be right.
CREATE UNIQUE INDEX event_log_stream ON event_log (subject, subject_version);
-- What an event has caused: the answer to a nudge.
CREATE INDEX event_log_caused ON event_log (causation_id) WHERE origin = 1 AND causation_id IS NOT NULL;

-- How far the broker has confirmed the log: every own row up to the mark is confirmed, or stands in outbox_held.
CREATE TABLE outbox_mark (
    id   INTEGER PRIMARY KEY CHECK (id = 1),                       -- there is one row
    mark INTEGER NOT NULL CHECK (mark >= 0)                        -- a seq of event_log; 0 before the first
) STRICT;
INSERT INTO outbox_mark (id, mark) VALUES (1, 0);

-- Own rows that the broker would not take: sent again later, and so are the later ones of the same subject.
CREATE TABLE outbox_held (
    seq         INTEGER PRIMARY KEY REFERENCES event_log (seq),    -- the row that came back
    subject     TEXT    NOT NULL,                                  -- its subject
    attempts    INTEGER NOT NULL CHECK (attempts > 0),             -- how often it came back
    next_try_ms INTEGER NOT NULL,                                  -- not sent again before
    reason      TEXT    NOT NULL                                   -- return, nack, behind
) STRICT;

-- Which events were handled already: kept for a window, oldest row first out.
CREATE TABLE inbox (
    position      INTEGER PRIMARY KEY,                             -- order of handling
    event_id      TEXT    NOT NULL UNIQUE,                         -- eventId
    handled_at_ms INTEGER NOT NULL                                 -- when
) STRICT;

-- Messages that could not be handled yet, with their bytes. While one of a subject is here, later ones wait behind it.
CREATE TABLE held (
    position    INTEGER PRIMARY KEY AUTOINCREMENT,                 -- order of arrival, never used twice
    event_id    TEXT    UNIQUE,                                    -- eventId; NULL when it could not be read
    type        TEXT,                                              -- eventType; NULL when it could not be read
    subject     TEXT,                                              -- NULL when it could not be read: holds up nobody
    state       INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),     -- 0: tried again; 1: behind an earlier one; 2: parked
    attempts    INTEGER NOT NULL CHECK (attempts >= 0),            -- tries begun so far
    next_try_ms INTEGER NOT NULL,                                  -- state 0: not before
    first_at_ms INTEGER NOT NULL,                                  -- when it came here
    last_at_ms  INTEGER NOT NULL,                                  -- of the last try
    reason      TEXT    NOT NULL,                                  -- why it is here: a word that is counted
    error       TEXT,                                              -- the last error, a sentence
    traceparent TEXT,                                              -- W3C trace context that it came with
    body        BLOB    NOT NULL,                                  -- the message as it came
    CHECK (state <> 1 OR subject IS NOT NULL)                      -- only a subject can be waited for
) STRICT;
CREATE INDEX held_subject ON held (subject, position) WHERE subject IS NOT NULL;
CREATE INDEX held_due ON held (next_try_ms) WHERE state = 0;

-- What is to be done at a time; removed in the transaction that does it.
CREATE TABLE timer (
    kind    TEXT    NOT NULL,                                      -- which function
    key     TEXT    NOT NULL,                                      -- which thing
    due_ms  INTEGER NOT NULL,                                      -- not before
    payload TEXT,                                                  -- a small JSON text of the owner's
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due_ms);

-- Effects on the outside world that are owed: written with their cause, removed with their outcome.
CREATE TABLE job (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,              -- never used twice: a lane may still hold an old one
    kind           TEXT    NOT NULL,                               -- which effect
    key            TEXT    NOT NULL,                               -- its idempotency key
    subject        TEXT,                                           -- what it is about
    correlation_id TEXT    NOT NULL,                               -- the conversation that it belongs to
    causation_id   TEXT,                                           -- eventId of what caused it
    traceparent    TEXT,                                           -- W3C trace context of its cause
    attempts       INTEGER NOT NULL CHECK (attempts >= 0),         -- runs without an outcome so far
    next_try_ms    INTEGER NOT NULL,                               -- not run before
    added_at_ms    INTEGER NOT NULL,                               -- when it was written
    payload        TEXT    NOT NULL,                               -- JSON, the kind's own
    UNIQUE (kind, key)
) STRICT;
