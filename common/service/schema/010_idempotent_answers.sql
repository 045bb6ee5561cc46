-- The first answer to each request that came with an Idempotency-Key, in the transaction of what it did.
CREATE TABLE idempotent_answers (
    position       INTEGER NOT NULL PRIMARY KEY,  -- order of arrival: the oldest are forgotten first
    operation      TEXT    NOT NULL,              -- method and path, "POST /orders": a key belongs to one operation
    key            TEXT    NOT NULL,              -- as sent, without quotes
    fingerprint    BLOB    NOT NULL,              -- SHA-256 of the canonical request: the same key must mean the same
    status         INTEGER NOT NULL,              -- of the answer
    headers        TEXT,                          -- of the answer, "Name: value" lines
    body           TEXT,                          -- of the answer, byte for byte
    kept_online_ms INTEGER NOT NULL,              -- when, in the time that the service has spent with its broker
    UNIQUE (operation, key)
) STRICT;
