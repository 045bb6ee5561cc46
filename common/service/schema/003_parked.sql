-- What people did about parked messages: one row for each call and message, never changed, never removed.
CREATE TABLE parked_audit (
    position   INTEGER PRIMARY KEY,                                -- order of the calls
    at_ms      INTEGER NOT NULL,                                   -- when
    action     TEXT    NOT NULL CHECK (action IN ('retry', 'discard')),
    result     TEXT    NOT NULL CHECK (result IN ('done', 'refused')), -- refused: it was not parked, nothing changed
    event_id   TEXT    NOT NULL,                                   -- eventId, or raw-<position> of one that has none
    type       TEXT,                                               -- eventType; NULL when it could not be read
    subject    TEXT,                                               -- NULL when it could not be read
    reason     TEXT    NOT NULL,                                   -- why it was parked
    attempts   INTEGER NOT NULL,                                   -- tries until then
    request_id TEXT,                                               -- X-Request-Id of the call
    remote     TEXT                                                -- address that the call came from
) STRICT;
CREATE INDEX parked_audit_event ON parked_audit (event_id);
